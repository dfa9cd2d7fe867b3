// fhir-kit-client: capabilities, search by GET and POST, next pages, batch, operations, its own errors.
import { CapabilityTool, Client } from "fhir-kit-client";
import { entries, errorOf, run, same } from "./plan.mjs";

const ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3";
const ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3";

await run(async (state) => {
  const client = new Client({ baseUrl: state.base });
  for (const { type: resourceType, search, ...question } of state.questions) {
    const counted = await client.search({ resourceType, searchParams: { ...search, _summary: "count" } });
    const ids = [];
    let bundle = await client.search({ resourceType, searchParams: { ...search, _count: state.page } });
    while (bundle) {
      ids.push(...entries(bundle).map(({ id }) => id));
      bundle = await client.nextPage({ bundle });
    }
    state.answer(question, counted.total, ids);
  }

  const statement = await client.capabilityStatement();
  state.check("metadata names FHIR 4.0.1", statement.fhirVersion === "4.0.1");
  const tool = new CapabilityTool(statement);
  state.check("tumours can be read and searched", ["read", "search-type"].every((code) => tool.resourceCan("Condition", code)));
  state.check("tumours are searched by code", tool.resourceSearch("Condition", "code"));

  const wanted = { resourceType: "Condition", searchParams: { "body-site": `${ICDO}|C64.9`, _count: 1000 } };
  const found = entries(await client.search(wanted));
  const posted = entries(await client.search({ ...wanted, options: { postSearch: true } }));
  state.check("POST _search gives the same as GET", same(posted.map(({ id }) => id), found.map(({ id }) => id)));

  const [condition] = found;
  const read = await client.read({ resourceType: "Condition", id: condition.id });
  state.check("a tumour is read as it was found", JSON.stringify(read) === JSON.stringify(condition));
  const patient = await client.resolve({ reference: condition.subject.reference });
  state.check("a reference is resolved", `Patient/${patient.id}` === condition.subject.reference);

  const missing = await errorOf(() => client.read({ resourceType: "Patient", id: "nobody.here" }));
  state.check("an unknown id is an error of status 404", missing.response.status === 404);
  state.check("and tells why as an OperationOutcome", missing.response.data.issue[0].code === "not-found");
  const refused = await errorOf(() => client.search({ resourceType: "Patient", searchParams: { favourite: "blue" } }));
  state.check("a parameter that is not served is refused by name", JSON.stringify(refused.response.data).includes("favourite"));

  const input = { system: ICCC, code: "IV(a)" };
  const code = await client.operation({ resourceType: "CodeSystem", name: "$lookup", method: "GET", input });
  state.check("a group is looked up", code.parameter.some(({ name, valueString }) => name === "display" && valueString));

  await more(state, client, condition);
});

/** What later versions of the server have. */
async function more(state, client, condition) {
  const search = (resourceType, searchParams) => client.search({ resourceType, searchParams });
  if (state.has("include")) {
    const bundle = await search("Condition", { _include: "Condition:subject", _count: 20 });
    const patients = entries(bundle, "include").map(({ id }) => `Patient/${id}`);
    state.check("_include brings the patients", same(patients, entries(bundle).map(({ subject }) => subject.reference)));
  }
  if (state.has("revinclude")) {
    const bundle = await search("Patient", { _revinclude: "Condition:subject", _count: 20 });
    const subjects = entries(bundle, "include").map(({ subject }) => subject.reference);
    state.check("_revinclude brings the tumours", same(subjects, entries(bundle).map(({ id }) => `Patient/${id}`)));
  }
  if (state.has("sort-id")) {
    const order = async () => entries(await search("Condition", { _sort: "_id", _count: 100 })).map(({ id }) => id);
    state.check("_sort by id is the same order again", JSON.stringify(await order()) === JSON.stringify(await order()));
  }
  if (state.has("elements")) {
    const [first] = entries(await search("Condition", { _elements: "bodySite", _count: 1 }));
    state.check("_elements leaves the rest out", first.bodySite && !first.onsetDateTime && !first.onsetPeriod);
  }
  if (state.has("versions")) {
    const { versionId } = condition.meta;
    const version = await client.vread({ resourceType: "Condition", id: condition.id, version: versionId });
    state.check("a version is read", version.id === condition.id);
  }
  if (state.has("observation")) {
    const observations = entries(await search("Observation", { _count: 20 }));
    state.check("observations have a subject", observations.length > 0 && observations.every(({ subject }) => subject));
  }
  if (state.has("batch")) {
    const urls = [`Condition/${condition.id}`, "Patient/nobody.here", "Patient?_summary=count"];
    const entry = urls.map((url) => ({ request: { method: "GET", url } }));
    const answer = await client.batch({ body: { resourceType: "Bundle", type: "batch", entry } });
    const statuses = answer.entry.map(({ response }) => response.status.slice(0, 3)).join(" ");
    state.check("a batch answers each request", statuses === "200 404 200");
  }
}
