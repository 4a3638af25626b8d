// A command of handgrad that the page starts, and what came of it.
import { h, request } from "./common.js";

const SECOND = 1000, LOOKS = 600;

/** Have something done: `note` says by which command and, with `all`, what it prints; `error` what is wrong. */
export async function perform(path, fields, { say, note, error }, { all = false, ended = () => {} } = {}) {
  error.textContent = "";
  try {
    const done = await request(path, fields);
    say(done.command);
    note.replaceChildren("done by ", h("code", {}, done.command));
    if (done.code === undefined) return;
    note.append("; what it prints stands under Train");
    for (let look = 0; look < LOOKS && note.isConnected; look += 1) {
      await new Promise((resolve) => { setTimeout(resolve, SECOND); });
      const job = (await request("/api/commands")).jobs.findLast((each) => each.command === done.command);
      if (all && job) note.replaceChildren(h("code", {}, done.command), h("pre", {}, job.output.join("\n") || "…"));
      if (!job || job.code !== null) {
        if (job?.code && !all) error.textContent = job.output.slice(-3).join(" ");
        return ended();
      }
    }
  } catch (failure) { error.textContent = failure.message; }
}
