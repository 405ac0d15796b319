"use strict";
// Validates templates with AWS's cloudformation-validate: prints a line of JSON for each finding of each.
const path = require("path");
const [modules, ...templates] = process.argv.slice(2);
const validator = require(path.join(modules, "aws-cdk-lib/node_modules/@aws/cloudformation-validate"));
const engine = new validator.RegoEngine();
for (const template of templates) {
	for (const found of engine.validateTemplate(new validator.TemplateFile(template), { detailLevel: "STANDARD" }).diagnostics) {
		console.log(JSON.stringify({ template, ...found }));
	}
}
