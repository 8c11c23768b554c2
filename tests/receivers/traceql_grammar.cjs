// Reads a JSON list of TraceQL queries from standard input and prints, for each, where Grafana's own grammar finds an error.
const { parser } = require("@grafana/lezer-traceql");
const queries = JSON.parse(require("fs").readFileSync(0, "utf8"));
const faults = queries.map((text) => {
  const found = [];
  parser.parse(text).iterate({ enter: (node) => void (node.type.isError && found.push(text.slice(node.from))) });
  return found;
});
console.log(JSON.stringify(faults));
