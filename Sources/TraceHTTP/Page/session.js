// Who is signed in. The session itself is in a cookie that scripts cannot read.
import { access, el } from "./dom.js";
import { plain } from "./format.js";

let user;
/** Counts questions and sign-ins: what an earlier one says does not count after a later one. */
let count = 0;

/** Asks who is signed in, and shows it at the top. */
export async function loadSession() {
  const number = ++count;
  const response = await fetch("/session", { headers: { Accept: "application/json" } }).catch(() => undefined);
  const answer = response?.ok ? await response.json() : undefined;
  if (number === count) take(answer);
}

/** Opens a session with a token. Returns what is wrong, in a sentence; nothing if it is open. */
export async function signIn(token) {
  count++;
  const response = await fetch("/login", { method: "POST", body: JSON.stringify({ token }),
    headers: { "Content-Type": "application/json" } }).catch(() => undefined);
  if (!response) return "The collector does not answer. Is it still running?";
  if (!response.ok) return (await response.text()).trim() || `The collector answered ${response.status}.`;
  await loadSession();
  return user ? undefined : "The browser did not keep the session's cookie. Allow cookies for this site.";
}

async function signOut() {
  const headers = access.forgeryGuard ? { "X-CSRF-Token": access.forgeryGuard } : {};
  const response = await fetch("/logout", { method: "POST", headers }).catch(() => undefined);
  if (!response?.ok) return false;
  count++;
  take(undefined);
  return true;
}

/** Whether the session has become another one, as it does when somebody signs in again on another page. */
access.renewed = async () => {
  const before = access.forgeryGuard;
  await loadSession();
  return Boolean(access.forgeryGuard) && access.forgeryGuard !== before;
};

/** Without a session, such as on the collector's own machine, nobody can sign out, and nothing is shown. */
function take(answer) {
  user = answer?.csrfToken ? answer : undefined;
  access.forgeryGuard = answer?.csrfToken;
  const button = document.getElementById("user");
  button.hidden = !user;
  if (!user) return;
  const name = plain(user.name, 60);
  button.querySelector("i").textContent = [...name][0]?.toUpperCase() ?? "?";
  button.querySelector("span").textContent = name;
  button.title = `Signed in as ${name}`;
  button.setAttribute("aria-label", button.title);
}

let dialog;

/** Lets the button at the top show who is signed in, and sign out; `ended` is called afterwards. */
export function showsUser(ended) {
  document.getElementById("user").addEventListener("click", () => {
    if (!user || dialog?.open) return;
    dialog?.remove();
    const fault = el("p", { class: "fault", role: "alert" });
    const leave = el("button", { type: "button", class: "primary", text: "Sign out" });
    const name = plain(user.name, 200);
    dialog = el("dialog", { class: "keys user", "aria-label": `Signed in as ${name}` }, el("form", { method: "dialog" },
      el("header", {}, el("h2", { text: "Signed in" }), el("button", { class: "quiet", text: "Close" })),
      el("dl", {}, el("div", {}, el("dt", { text: "Name" }), el("dd", { text: name })),
        el("div", {}, el("dt", { text: "Groups" }), el("dd", { text: plain(user.groups.join(", "), 600) || "none" }))),
      fault, el("p", { class: "actions" }, leave)));
    leave.addEventListener("click", async () => {
      leave.disabled = true;
      if (await signOut()) {
        dialog.close();
        ended();
      } else {
        leave.disabled = false;
        fault.textContent = "The collector did not end the session. Try again.";
      }
    });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
  });
  // Somebody may have signed in or out on another page of this browser.
  document.addEventListener("visibilitychange", () => { if (!document.hidden && user) loadSession(); });
}
