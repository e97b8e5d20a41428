// Open loop: requests come at a constant rate, whatever the gateway does. The run fails when a threshold is crossed.
//   k6 run -e BASE_URL=http://127.0.0.1:8080 -e KEY=sk-… -e RATE=50 -e SECONDS=30 loadtest/k6.js
import http from "k6/http";
import { check } from "k6";

const base = __ENV.BASE_URL || "http://127.0.0.1:8080";
const rate = Number(__ENV.RATE || 50);
const seconds = Number(__ENV.SECONDS || 30);
const filler = "read the file, change the function, run the tests again. ".repeat(1000);

function arrivals(exec, share) {
  return {
    executor: "constant-arrival-rate", exec, rate: Math.max(1, Math.round(rate * share)), timeUnit: "1s",
    duration: `${seconds}s`, preAllocatedVUs: 20, maxVUs: 400, gracefulStop: "10s",
  };
}

export const options = {
  discardResponseBodies: false,
  summaryTrendStats: ["avg", "med", "p(90)", "p(99)", "max"],
  scenarios: { small: arrivals("small", 0.6), turn: arrivals("turn", 0.4) },
  thresholds: {
    checks: ["rate>0.999"],
    dropped_iterations: ["count<1"],
    "http_req_failed": ["rate<0.001"],
    "http_req_duration{scenario:small}": [`p(99)<${__ENV.P99_SMALL_MS || 100}`],
    "http_req_duration{scenario:turn}": [`p(99)<${__ENV.P99_TURN_MS || 250}`],
  },
};

function headers(scenario) {
  return {
    authorization: `Bearer ${__ENV.KEY}`, "content-type": "application/json", originator: "codex_exec",
    "user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_exec; 0.169.0)", "x-sim-scenario": scenario,
  };
}

function ask(body, scenario) {
  return http.post(`${base}/v1/responses`, JSON.stringify(body), { headers: headers(scenario) });
}

export function small() {
  const answer = ask({ model: "gpt-5.5", input: "hello" }, "text");
  check(answer, {
    "small: 200": (r) => r.status === 200,
    "small: priced and named": (r) => Number(r.headers["X-Agentcc-Cost"]) > 0 && !!r.headers["X-Agentcc-Request-Id"],
  });
}

export function turn() {
  const input = [{ type: "message", role: "user", content: [{ type: "input_text", text: filler }] }];
  const answer = ask({ model: "gpt-5.5", stream: true, store: false, input }, "long n=60");
  check(answer, {
    "turn: 200": (r) => r.status === 200,
    "turn: ends with response.completed": (r) => !!r.body && r.body.lastIndexOf("event: response.completed") > r.body.length - 4000,
  });
}
