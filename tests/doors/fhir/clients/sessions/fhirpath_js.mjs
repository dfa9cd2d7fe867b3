// fhirpath.js: paths over the resources of the server, with its model of R4.
import fhirpath from "fhirpath";
import r4 from "fhirpath/fhir-context/r4";
import { run } from "./plan.mjs";

const MATCHES = "Bundle.entry.where(search.mode = 'match').resource";
const HISTOLOGY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior";
const AGE = "https://w3id.org/iccd/fhir/StructureDefinition/age-at-diagnosis";
const BOUNDS = "https://w3id.org/iccd/fhir/StructureDefinition/count-bounds";

const path = (resource, expression) => fhirpath.evaluate(resource, expression, null, r4);

await run(async (state) => {
  for (const { type, search, ...question } of state.questions) {
    const url = (more) => `${state.base}/${type}?${query({ ...search, ...more })}`;
    const counted = await get(url({ _summary: "count" }));
    const ids = [];
    for (let link = url({ _count: state.page }); link; ) {
      const page = await get(link);
      ids.push(...path(page, `${MATCHES}.id`));
      [link] = path(page, "Bundle.link.where(relation = 'next').url");
    }
    const [total] = path(counted, "Bundle.total.where($this.hasValue())");
    const [low] = path(counted, `Bundle.total.extension('${BOUNDS}').extension('low').value`);
    const exact = path(counted, "Bundle.total.hasValue()")[0];
    state.answer(question, total, ids);
    state.check(`${question.name}: a total or its bounds`, exact ? low === undefined : low === ids.length);
  }

  const conditions = await get(`${state.base}/Condition?_count=200`);
  const count = (expression) => path(conditions, `${MATCHES}.where(${expression}).count()`)[0];
  const onset = count("onset is dateTime") + count("onset is Period");
  state.check("onset as a choice type", onset > 0 && onset === count("onset.exists()"));
  const codes = path(conditions, `${MATCHES}.extension('${HISTOLOGY}').value.coding.code`);
  state.check("morphology in the extension of mCODE", codes.length > 0 && codes.every((code) => /^\d{4}/.test(code)));
  const ages = path(conditions, `${MATCHES}.extension('${AGE}').extension('completedYears').value.ofType(Age).value`);
  state.check("age at diagnosis in years", ages.length > 0 && ages.every((age) => age >= 0 && age <= 19));
  const confirmed = count("verificationStatus.coding.code = 'confirmed'");
  const others = count("verificationStatus.coding.code = 'unconfirmed'") + count("verificationStatus.extension.exists()");
  state.check("verification status or why it is absent", confirmed > 0 && confirmed + others === count("true"));

  const patients = await get(`${state.base}/Patient?_count=200`);
  const dead = path(patients, `${MATCHES}.where(deceased = true)`);
  state.check("vital status as a choice type", dead.length > 0 && dead.every((patient) => patient.deceasedBoolean));
  const masked = path(patients, `${MATCHES}.all(name.extension.value = 'masked')`);
  state.check("names are masked", masked[0] === true);

  if (state.has("observation")) {
    const observations = await get(`${state.base}/Observation?_count=50`);
    state.check("observations have a value or a reason", path(observations, `${MATCHES}.all(value.exists() or dataAbsentReason.exists())`)[0]);
  }
});

async function get(url) {
  return (await fetch(url, { headers: { Accept: "application/fhir+json" } })).json();
}

function query(parameters) {
  return new URLSearchParams(Object.entries(parameters).flatMap(([name, values]) => [values].flat().map((value) => [name, value])));
}
