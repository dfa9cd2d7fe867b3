// What the JavaScript sessions share: the plan they are given, and the result that they print.
import { readFileSync } from "node:fs";

/** Questions, features and checks of one run; see plan.py for their form. */
export class Session {
  constructor(plan) {
    this.base = plan.base;
    this.page = plan.page;
    this.features = new Set(plan.features);
    this.questions = plan.questions.filter(({ feature }) => !feature || this.features.has(feature));
    this.answers = {};
    this.checks = {};
    this.used = new Set(this.questions.flatMap(({ feature }) => (feature ? [feature] : [])));
  }

  /** What the client found: the total or undefined, and the id of every match. */
  answer(question, total, ids) {
    this.answers[question.name] = { total: total ?? null, ids };
  }

  /** A sentence that must be true. */
  check(sentence, holds) {
    this.checks[sentence] = Boolean(holds);
  }

  /** Whether the server has it; then the session must use it. */
  has(feature) {
    if (this.features.has(feature)) this.used.add(feature);
    return this.features.has(feature);
  }
}

/** Resources of a Bundle's entries of one mode. */
export function entries(bundle, mode = "match") {
  return (bundle.entry ?? []).filter(({ search }) => search.mode === mode).map(({ resource }) => resource);
}

/** Whether two lists hold the same. */
export function same(one, other) {
  return one.length > 0 && JSON.stringify([...new Set(one)].sort()) === JSON.stringify([...new Set(other)].sort());
}

/** Error of a call; undefined if there was none. */
export async function errorOf(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
}

/** Run a session on the plan that the command line names, print what it found. */
export async function run(session) {
  const state = new Session(JSON.parse(readFileSync(process.argv[2], "utf-8")));
  await session(state);
  console.log(JSON.stringify({ answers: state.answers, checks: state.checks, used: [...state.used].sort() }));
}
