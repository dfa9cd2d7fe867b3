// fhirclient.js: whole results by its own paging, references resolved, its own errors.
import { createRequire } from "node:module";
import { entries, errorOf, run, same } from "./plan.mjs";

const { default: Client } = createRequire(import.meta.url)("fhirclient/lib/Client");
const ALL = { pageLimit: 0, flat: true };

await run(async (state) => {
  const client = new Client({}, { serverUrl: state.base });
  for (const { type, search, ...question } of state.questions) {
    const url = (more) => `${type}?${query({ ...search, ...more })}`;
    const counted = await client.request(url({ _summary: "count" }));
    const found = await client.request(url({ _count: state.page }), ALL);
    state.answer(question, counted.total, found.filter(({ resourceType }) => resourceType === type).map(({ id }) => id));
  }

  state.check("the server is of release 4", (await client.getFhirRelease()) === 4);
  const [condition] = entries(await client.request("Condition?_count=1"));
  state.check("a tumour is read as it was found", equal(await client.request(`Condition/${condition.id}`), condition));
  const resolved = await client.request(`Condition/${condition.id}`, { resolveReferences: "subject" });
  state.check("its reference becomes the patient", resolved.subject.resourceType === "Patient");
  state.check("a path is read", client.getPath(condition, "bodySite.0.coding.0.code")?.startsWith("C"));

  const body = new URLSearchParams({ gender: "male", _count: "1000" });
  const headers = { "Content-Type": "application/x-www-form-urlencoded" };
  const posted = entries(await client.request({ url: "Patient/_search", method: "POST", body, headers })).map(({ id }) => id);
  state.check("POST _search gives the same as GET", same(posted, state.answers.boys.ids));

  const missing = await errorOf(() => client.request("Patient/nobody.here"));
  state.check("an unknown id is an HttpError of status 404", missing.name === "HttpError" && missing.statusCode === 404);
  const refused = await errorOf(() => client.request("Patient?favourite=blue"));
  state.check("a parameter that is not served is refused by name", refused.status === 400 && /favourite/.test(refused.message));

  if (state.has("include")) {
    const bundle = await client.request("Condition?_include=Condition:subject&_count=20");
    const patients = entries(bundle, "include").map(({ id }) => `Patient/${id}`);
    state.check("_include brings the patients", same(patients, entries(bundle).map(({ subject }) => subject.reference)));
  }
  if (state.has("observation")) {
    const observations = await client.request("Observation?_count=20", { pageLimit: 1, flat: true });
    state.check("observations are grouped by code", Object.keys(client.byCode(observations, "code")).length > 0);
  }
});

function query(parameters) {
  return new URLSearchParams(Object.entries(parameters).flatMap(([name, values]) => [values].flat().map((value) => [name, value])));
}

function equal(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
