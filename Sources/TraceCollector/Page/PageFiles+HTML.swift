extension PageFiles {
  /// The page: its frame, which the scripts fill.
  static let html = ##"""
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Traces · kuma-trace</title>
    <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/assets/app.css">
    <link rel="stylesheet" href="/assets/trace.css">
    <script type="module" src="/assets/app.js"></script>
    </head>
    <body>
    <header class="top">
      <a class="brand" href="/"><img src="/assets/icon.svg" alt="" width="22" height="22"><b>kuma-trace</b></a>
      <form class="jump" id="jump" role="search">
        <input id="jump-id" type="search" placeholder="Open a trace by its id" aria-label="Trace id" spellcheck="false"
          autocomplete="off">
      </form>
      <p class="hints" id="hints" aria-hidden="true"></p>
    </header>
    <main id="main" tabindex="-1"></main>
    <p id="status" class="hidden-text" role="status"></p>
    <noscript>This page needs JavaScript. The traces are also at <code>/api/v2/traces</code>.</noscript>
    </body>
    </html>
    """##
}
