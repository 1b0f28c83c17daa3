// The provider, on a free port of loopback; the first line on standard output says which. Two settings come from the
// environment: how long a device code lives (DEVICE_TTL, seconds), and how often a device may poll (MIN_INTERVAL_MS).

import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const deviceTtl = Number(process.env.DEVICE_TTL ?? 120);
const minInterval = Number(process.env.MIN_INTERVAL_MS ?? 0);

const device = { grant_types: [DEVICE_GRANT, 'refresh_token'], redirect_uris: [], response_types: [] };
const clients = [
  { ...device, client_id: 'public-tool', client_name: 'Public tool', token_endpoint_auth_method: 'none' },
  {
    ...device,
    client_id: 'confidential-tool',
    client_name: 'Confidential tool',
    // With characters that must be encoded before they are put together (RFC 6749 §2.3.1).
    client_secret: 'secret: +%&=/',
    token_endpoint_auth_method: 'client_secret_basic',
  },
  { ...device, client_id: 'posting-tool', client_secret: 'in the body', token_endpoint_auth_method: 'client_secret_post' },
];

// The issuer is part of the provider, and the port is part of the issuer: so the port comes first.
const server = createServer();
// Node's own five seconds are the interval of a provider that names none: a connection that is closed in the moment of
// a poll loses it, and the scenario takes longer than it says.
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients,
    scopes: ['openid', 'offline_access', 'email', 'profile'],
    cookies: { keys: ['only for tests'] },
    features: {
      deviceFlow: { enabled: true },
      devInteractions: { enabled: true },
      registration: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true },
    },
    // Its default is to rotate those of public clients and old ones; here all of them are, so that one scenario fits
    // every client. There is a refresh token only for who asks for offline_access.
    rotateRefreshToken: true,
    ttl: {
      DeviceCode: () => deviceTtl,
      AccessToken: () => 60,
      RefreshToken: () => 600,
      Grant: () => 600,
      Session: () => 600,
      Interaction: () => 600,
      IdToken: () => 60,
    },
  });
  provider.on('server_error', (_, error) => console.error(error));
  if (minInterval) provider.use(pacing());
  server.on('request', provider.callback());
  console.log(`listening on ${issuer}`);
});

// The provider knows slow_down and never says it, so it is said in front of it (RFC 8628 §3.5): the time counts from the
// last poll, or from when the code was given out.
function pacing() {
  const seen = new Map();
  return async (ctx, next) => {
    await next();
    const issued = ctx.body?.device_code;
    if (issued) seen.set(issued, Date.now());
    const polled = ctx.oidc?.params?.device_code;
    if (!polled || ctx.body?.error !== 'authorization_pending') return;
    const now = Date.now();
    const early = now - (seen.get(polled) ?? 0) < minInterval;
    seen.set(polled, now);
    if (early) ctx.body = { error: 'slow_down', error_description: 'polled too early' };
  };
}
