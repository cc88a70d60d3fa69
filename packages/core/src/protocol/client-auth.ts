import { modifyAssertion, PrivateKeyJwt } from 'oauth4webapi'
import type { Clock } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'
import type { Provider } from './provider.ts'

/** What a request to the authorization server carries to prove the client. Secret. */
export interface ClientCredentials {
  readonly parameters: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
}

const assertionLifetimeSeconds = 60

/**
 * Proves the client at the token or revocation endpoint, by the provider's method.
 *
 * @param audience who an assertion is for: the issuer, or the token endpoint where there is none (RFC 7523 §3).
 * @throws {LatchkeyError} `invalid_options` when the method needs a secret and there is none.
 * @see RFC 6749 §2.3
 */
export async function clientCredentials(
  provider: Provider,
  audience: string,
  clock: Clock,
): Promise<ClientCredentials> {
  const { clientAuth, clientId } = provider
  switch (clientAuth.method) {
    case 'none':
      return { parameters: { client_id: clientId }, headers: {} }
    case 'client_secret_post':
      return { parameters: { client_id: clientId, client_secret: secretOf(provider) }, headers: {} }
    case 'client_secret_basic':
      return basic(encodeCredential(clientId), encodeCredential(secretOf(provider)))
    case 'client_secret_basic_raw':
      return basic(clientId, secretOf(provider))
    case 'private_key_jwt':
      return { parameters: await assertion(provider, clientAuth, audience, clock), headers: {} }
  }
}

function basic(user: string, password: string): ClientCredentials {
  const value = Buffer.from(`${user}:${password}`, 'utf8').toString('base64')
  return { parameters: {}, headers: { authorization: `Basic ${value}` } }
}

/**
 * RFC 6749 §2.3.1 asks for form encoding, but many servers compare what they got without decoding it: so unreserved
 * characters (RFC 3986 §2.3) stay as they are, and a space becomes `%20`, which both kinds of decoder read.
 */
function encodeCredential(value: string): string {
  return encodeURIComponent(value).replace(/[!'()*]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  })
}

async function assertion(
  provider: Provider,
  auth: Extract<Provider['clientAuth'], { method: 'private_key_jwt' }>,
  audience: string,
  clock: Clock,
): Promise<Record<string, string>> {
  const key = auth.keyId === undefined ? auth.privateKey : { key: auth.privateKey, kid: auth.keyId }
  const authenticate = PrivateKeyJwt(key, {
    [modifyAssertion]: (_header, payload) => {
      const now = Math.floor(clock.now())
      Object.assign(payload, { iat: now, nbf: now, exp: now + assertionLifetimeSeconds })
    },
  })
  const parameters = new URLSearchParams()
  try {
    await authenticate({ issuer: audience }, { client_id: provider.clientId }, parameters, new Headers())
  } catch {
    throw new LatchkeyError('invalid_options', `${provider.id}: clientAuth.privateKey cannot sign.`, {
      provider: provider.id,
    })
  }
  return Object.fromEntries(parameters)
}

function secretOf({ id, clientSecret, clientAuth }: Provider): string {
  if (clientSecret !== undefined && clientSecret !== '') return clientSecret
  throw new LatchkeyError(
    'invalid_options',
    `${id}: ${clientAuth.method} needs a clientSecret. Set it, or set clientAuth: { method: 'none' }.`,
    { provider: id },
  )
}
