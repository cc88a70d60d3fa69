import { OAuthClient, type OAuthClientOptions, type PendingAuthorization } from '../oauth-client.ts'
import { type Answer, FakeServer, type SentRequest } from '../protocol/fake-server.fixture.ts'
import { discoveryUrl, openidKey, tokenEndpoint } from '../protocol/protocol-client.fixture.ts'
import { discoveryDocument, oauthProvider } from '../protocol/provider.fixture.ts'
import type { Provider } from '../protocol/provider.ts'

export const redirectUri = 'https://app.example/callback'

/** A client on its own at a fake server whose token endpoint gives `answer`. */
export function standalone(
  provider: Provider = oauthProvider(),
  answer: Answer | (() => Answer) = 'refused',
  options: OAuthClientOptions = {},
): { readonly client: OAuthClient; readonly server: FakeServer } {
  const server = new FakeServer()
  server.on(tokenEndpoint, answer)
  if (provider.issuer !== undefined) {
    server.on(discoveryUrl, { body: discoveryDocument })
    server.on('GET https://as.example/jwks', { body: { keys: [openidKey.jwk] } })
  }
  const { clock, log: logger } = server
  const { dispatcher } = server.transport
  return { client: new OAuthClient(provider, { dispatcher, clock, logger, ...options }), server }
}

/** The callback URL of a server that agrees. */
export function callbackOf(
  pending: Pick<PendingAuthorization, 'state'>,
  changes: Readonly<Record<string, string | undefined>> = {},
): string {
  const url = new URL(redirectUri)
  const parameters = { code: 'code-SECRET', state: pending.state, ...changes }
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) url.searchParams.set(name, value)
  return url.href
}

/** The fields of a form that was sent. */
export function formOf(request: SentRequest | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(new URLSearchParams(request?.body))
}
