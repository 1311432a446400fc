// Reads {document, answers: [{method, path, status, type, body}]} from standard input; prints a line
// for each thing that is wrong, and how many answers were held against a schema.
import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const { document, answers } = JSON.parse(readFileSync(0, "utf8"));
const problems = [];

const verdict = await new Validator().validate(structuredClone(document));
if (!verdict.valid) problems.push(`the document is no OpenAPI: ${JSON.stringify(verdict.errors).slice(0, 2000)}`);

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema({ $id: "openapi", components: document.components });
const absolute = (node) => JSON.parse(JSON.stringify(node).replaceAll('"#/components/', '"openapi#/components/'));

// {id} stands for one segment; one that is spelt out goes before it.
const patterns = Object.keys(document.paths)
  .map((path) => [path, new RegExp(`^${path.replaceAll(/[.]/g, "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`)])
  .sort(([a], [b]) => a.split("{").length - b.split("{").length);

let checked = 0;
const seen = new Set();
for (const { method, path, status, type, body } of answers) {
  const operations = patterns.filter(([, pattern]) => pattern.test(path)).map(([name]) => [name, document.paths[name][method]]);
  const [name, operation] = operations.find(([, found]) => found) ?? [];
  if (!operation) continue; // 404, 405 and HEAD: nothing is documented of them
  const where = `${method} ${name} ${status}`;
  const response = operation.responses[status] ?? operation.responses.default;
  if (status < 400 && !operation.responses[status] && status !== 304) {
    problems.push(`${where}: this status is not documented`);
    continue;
  }
  const media = response.content?.[type];
  if (!media) {
    if (body !== "" && response.content) problems.push(`${where}: ${type} is not documented`);
    continue;
  }
  const validate = ajv.compile(absolute(media.schema));
  ++checked;
  seen.add(where);
  const value = /[/+]json$/.test(type) ? JSON.parse(body) : body; // a page is a string
  if (!validate(value)) problems.push(`${where}: ${ajv.errorsText(validate.errors)} in ${body.slice(0, 300)}`);
}
// Supabase's dialect has its own clients to hold it against.
for (const [path, methods] of Object.entries(document.paths))
  for (const [method, operation] of Object.entries(methods))
    if (!path.startsWith("/auth/v1/") && !Object.keys(operation.responses).some((status) => status < 300 && seen.has(`${method} ${path} ${status}`)) && operation.responses[200]?.content?.["application/json"])
      problems.push(`${method} ${path}: no answer was seen`);
console.log(JSON.stringify({ checked, kinds: seen.size, problems: [...new Set(problems)] }));
