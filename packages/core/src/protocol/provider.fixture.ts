import type { Provider } from './provider.ts'
import type { TokenSet } from './token.ts'

/** A plain OAuth 2 provider at `https://as.example`. */
export function oauthProvider(overrides: Partial<Provider> = {}): Provider {
  return {
    id: 'example',
    name: 'Example',
    authorizationEndpoint: 'https://as.example/authorize',
    tokenEndpoint: 'https://as.example/token',
    clientId: 'client-1',
    clientSecret: 'client-secret-1',
    clientAuth: { method: 'client_secret_basic' },
    scope: ['read'],
    scopeSeparator: ' ',
    sendEmptyScope: false,
    params: {},
    pkce: 'required',
    responseMode: 'query',
    tokenBodyFormat: 'form',
    tokenParams: {},
    tokenHeaders: {},
    tokenAnswer: {},
    clientCredentials: true,
    expiryNoticeDays: 14,
    idTokenAlgorithms: ['RS256', 'ES256'],
    userinfo: { endpoint: 'https://api.example/me', fields: { id: 'id' } },
    resourceOrigins: ['https://api.example'],
    credentials: { scheme: 'Bearer' },
    resourceHeaders: {},
    deadRefresh: [{ error: 'invalid_grant' }],
    refreshEndsAccessToken: false,
    exclusive: false,
    revocation: 'authorization',
    ...overrides,
  }
}

/** An OpenID provider at `https://as.example`, everything to be discovered. */
export function openidProvider(overrides: Partial<Provider> = {}): Provider {
  const { authorizationEndpoint, tokenEndpoint, userinfo, ...rest } = oauthProvider()
  return { ...rest, issuer: 'https://as.example', scope: ['openid', 'email'], ...overrides }
}

/** The discovery document of {@link openidProvider}. */
export const discoveryDocument = {
  issuer: 'https://as.example',
  authorization_endpoint: 'https://as.example/authorize',
  token_endpoint: 'https://as.example/token',
  revocation_endpoint: 'https://as.example/revoke',
  userinfo_endpoint: 'https://as.example/userinfo',
  jwks_uri: 'https://as.example/jwks',
} as const

/** The token set before a refresh. */
export function tokenSet(overrides: Partial<TokenSet> = {}): TokenSet {
  return {
    accessToken: 'access-token-1',
    tokenType: 'Bearer',
    expiresAt: 1_800_000_000,
    receivedAt: 1_799_996_400,
    scope: ['read'],
    refreshToken: 'refresh-token-1',
    ...overrides,
  }
}
