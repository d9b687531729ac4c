// Shows the document that `?version=` names, the newest without it. All addresses are relative,
// so that the page works under any prefix.
"use strict";

const version = new URLSearchParams(location.search).get("version") ?? "";
const known = document.querySelector(`#versions [data-version="${CSS.escape(version)}"]`);
known?.setAttribute("aria-current", "page");

Redoc.init(
  known && version ? `openapi/${version}.json` : "openapi.json",
  {},
  document.getElementById("document"),
);
