import { el } from "./dom.js";
import { signIn } from "./session.js";

/** Asks for a user token, in place of the view; `signedIn` is called when the collector has accepted one. */
export function showSignIn(page, signedIn) {
  document.title = "Sign in · kuma-trace";
  page.keys("", []);
  const field = el("input", { id: "token", type: "password", autocomplete: "current-password", spellcheck: "false",
    autocapitalize: "off", required: true, "aria-describedby": "token-fault token-source" });
  const fault = el("p", { class: "fault", id: "token-fault", role: "alert" });
  const button = el("button", { class: "primary", text: "Sign in" });
  const form = el("form", { class: "sign-in frame" }, el("h2", { text: "Sign in" }),
    el("p", { text: "This collector shows traces to people who have a user token." }),
    el("label", { for: "token", text: "User token" }), field, fault, button,
    el("p", { class: "faint", id: "token-source" }, "An administrator makes one with ",
      el("code", { text: "kumactl generate user-token --name NAME --group GROUP --valid-for 24h" }), "."));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    fault.textContent = "";
    field.removeAttribute("aria-invalid");
    const problem = await signIn(field.value);
    button.disabled = false;
    if (!problem) {
      field.value = "";
      signedIn();
      return;
    }
    fault.textContent = problem;
    field.setAttribute("aria-invalid", "true");
    field.focus();
    field.select();
  });
  page.main.replaceChildren(form);
  page.say("Sign in to see traces.");
  field.focus();
}
