import { type Answer, FakeServer } from './fake-server.fixture.ts'
import { ecKey, signJwt } from './id-token.fixture.ts'
import { ProtocolClient } from './protocol-client.ts'
import { discoveryDocument } from './provider.fixture.ts'
import type { Provider } from './provider.ts'

/** The signing key of the fake OpenID provider. */
export const openidKey = ecKey('ec-1')

export const tokenEndpoint = 'POST https://as.example/token'
export const discoveryUrl = 'GET https://as.example/.well-known/openid-configuration'

/** A client of `provider` at a fake server whose token endpoint gives `answer`. */
export function clientFixture(
  provider: Provider,
  answer: Answer | (() => Answer) = 'refused',
): { readonly client: ProtocolClient; readonly server: FakeServer } {
  const server = new FakeServer()
  const { transport, clock, log } = server
  server.on(tokenEndpoint, answer)
  if (provider.issuer !== undefined) {
    server.on(discoveryUrl, { body: discoveryDocument })
    server.on('GET https://as.example/jwks', { body: { keys: [openidKey.jwk] } })
  }
  return { client: new ProtocolClient(provider, { transport, clock, log }), server }
}

/** An ID token of the fake OpenID provider, good unless `overrides` say otherwise. */
export function idToken(overrides: Record<string, unknown> = {}, key: typeof openidKey = openidKey): string {
  const iat = 1_800_000_000
  const claims = {
    iss: 'https://as.example',
    sub: 'user-1',
    aud: 'client-1',
    iat,
    exp: iat + 300,
    nonce: 'nonce-1',
  }
  return signJwt(key, { ...claims, ...overrides })
}
