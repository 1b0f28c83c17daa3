// The control API of `sso-oidc serve --control`, without dependencies.

/** An error of the control API; `code` is its name, for example `unknown_user_code`. */
export class ControlError extends Error {
  constructor(status, code, message) {
    super(`${status} ${code}: ${message}`);
    this.status = status;
    this.code = code;
  }
}

/** Plays the person, moves the server's clock, and reads what was requested. */
export class Control {
  #url;
  #token;

  constructor(url = process.env.SSO_OIDC_CONTROL_URL, token = process.env.SSO_OIDC_CONTROL_TOKEN) {
    this.#url = url;
    this.#token = token;
  }

  approve = (userCode) => this.#ask("approve", { user_code: userCode });
  deny = (userCode) => this.#ask("deny", { user_code: userCode });
  expire = (userCode) => this.#ask("expire", { user_code: userCode });
  revoke = (signIn) => this.#ask("revoke", signIn);
  advance = (seconds) => this.#ask("clock", { advance: seconds });
  faults = (...faults) => this.#ask("faults", { faults });
  /** Lays down the course of the next sign-ins, in TOML; `null` ends that. */
  script = (text) => this.#ask("script", { script: text });
  reset = () => this.#ask("reset", {});

  async devices() {
    return JSON.parse(await this.#ask("devices")).devices;
  }

  /** Returns the requests; `after`, `operation`, `wait` and `timeout` choose them. */
  async requests(query = {}) {
    const lines = await this.#ask(`requests?${new URLSearchParams(query)}`);
    return lines.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }

  async #ask(path, body) {
    const response = await fetch(`${this.#url}/_control/${path}`, {
      method: body ? "POST" : "GET",
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (response.ok) return text;
    const { error, message } = JSON.parse(text);
    throw new ControlError(response.status, error, message);
  }
}
