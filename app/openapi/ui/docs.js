"use strict";

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  // no other host is asked for anything
  validatorUrl: null,
});
