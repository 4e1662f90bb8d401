// Says what AsyncAPI's own parser finds in each file that is named: one line a finding; ends with 1 where one is an error or a document
// could not be read at all.
const { readFileSync } = require("node:fs");
const { Parser } = require("@asyncapi/parser");

async function main(files) {
  let good = files.length > 0;
  for (const file of files) {
    const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
    for (const { severity, code, message, path } of diagnostics) {
      console.log(`${file}: ${severity === 0 ? "error" : "note"} ${code} at ${path.join(".")}: ${message}`);
    }
    good = good && document !== undefined && diagnostics.every(({ severity }) => severity !== 0);
  }
  process.exitCode = good ? 0 : 1;
}

main(process.argv.slice(2));
