// An authorization server for the tests beside this directory: oidc-provider, told
// by the JSON file that it is given what clients there are. It prints its port, and
// ends when its standard input does. TLS ends before it: what was shown of a
// certificate comes in headers.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));

function getCertificate(ctx) {
  const der = ctx.get('x-client-certificate');
  return der ? new X509Certificate(Buffer.from(der, 'base64')) : undefined;
}

const provider = new Provider(settings.issuer, {
  clients: settings.clients,
  jwks: settings.jwks,
  clientAuthMethods: [
    'none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt',
    'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth',
  ],
  enabledJWA: {
    clientAuthSigningAlgValues: ['HS256', 'HS512', 'RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'],
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    // Tokens for this resource are JWTs, the others are opaque.
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (ctx, resource) => ({
        scope: 'read', audience: resource, accessTokenTTL: settings.lifetime,
        accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } },
      }),
    },
    mTLS: {
      enabled: true,
      tlsClientAuth: true,
      selfSignedTlsClientAuth: true,
      getCertificate,
      certificateAuthorized: (ctx) => ctx.get('x-client-verified') === 'yes',
      certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_subject_dn'
        && getCertificate(ctx).subject === expected,
    },
  },
  findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  scopes: ['openid', 'offline_access', 'read'],
  routes: { token: '/token', introspection: '/introspect' },
  ttl: { ClientCredentials: settings.lifetime },
});

provider.proxy = true;

// login stands for a login by hand: it returns the refresh token of a client.
async function login(id) {
  const client = await provider.Client.find(id);
  const grant = new provider.Grant({ accountId: 'probe', clientId: id });
  grant.addOIDCScope('openid offline_access');
  const token = new provider.RefreshToken({
    accountId: 'probe', client, grantId: await grant.save(), scope: 'openid offline_access',
    gty: 'authorization_code', authTime: Math.floor(Date.now() / 1000),
  });
  return token.save();
}

const callback = provider.callback();
const server = createServer(async (req, res) => {
  const { pathname, searchParams } = new URL(req.url, 'http://127.0.0.1');
  if (pathname !== '/login') {
    callback(req, res);
    return;
  }
  try {
    res.end(await login(searchParams.get('client')));
  } catch (err) {
    res.writeHead(500).end(String(err));
  }
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
