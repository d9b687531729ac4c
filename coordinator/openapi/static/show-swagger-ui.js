// Shows the document that `?version=` names, the newest without it. All addresses are relative,
// so that the page works under any prefix.
"use strict";

const version = new URLSearchParams(location.search).get("version") ?? "";
const known = document.querySelector(`#versions [data-version="${CSS.escape(version)}"]`);
known?.setAttribute("aria-current", "page");

SwaggerUIBundle({
  url: known && version ? `openapi/${version}.json` : "openapi.json",
  dom_id: "#document",
  deepLinking: true,
  // The default validator is a service elsewhere.
  validatorUrl: null,
});
