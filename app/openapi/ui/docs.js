"use strict";

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  // without it the page would load a badge from validator.swagger.io
  validatorUrl: null,
});
