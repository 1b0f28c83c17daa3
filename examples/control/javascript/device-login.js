// A small client of the device authorization grant (RFC 8628): the program under test.

const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";
const realSleep = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

/** The end of a login without a token; its message is the error code of the server. */
export class LoginError extends Error {}

export class DeviceLogin {
  constructor(issuer, clientId, sleep = realSleep) {
    this.issuer = issuer;
    this.clientId = clientId;
    this.sleep = sleep;
  }

  /** Signs in. `show` gets the user code, for the person. */
  async login(scope, show) {
    const [ok, device] = await this.#post("device_authorization", { scope });
    if (!ok) throw new LoginError(device.error);
    await show(device.user_code);
    let interval = device.interval ?? 5;
    for (;;) {
      await this.sleep(interval);
      const form = { grant_type: DEVICE_GRANT, device_code: device.device_code };
      const [ok, said] = await this.#post("token", form);
      if (ok) return said;
      // RFC 8628, section 3.5.
      if (said.error === "slow_down") interval += 5;
      else if (said.error !== "authorization_pending") throw new LoginError(said.error);
    }
  }

  async refresh(refreshToken) {
    const [ok, said] = await this.#post("token", { grant_type: "refresh_token", refresh_token: refreshToken });
    if (!ok) throw new LoginError(said.error);
    return said;
  }

  async #post(path, form) {
    const body = new URLSearchParams({ client_id: this.clientId, ...form });
    const response = await fetch(`${this.issuer}/oauth/${path}`, { method: "POST", body });
    return [response.ok, await response.json()];
  }
}
