import {
  type ClientAuth as Authenticate,
  ClientSecretJwt,
  type ModifyAssertionOptions,
  modifyAssertion,
  PrivateKeyJwt,
} from 'oauth4webapi'
import type { Clock } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'
import type { ClientAuth, Provider } from './provider.ts'

/** What a request to the authorization server carries to prove the client. Secret. */
export interface ClientCredentials {
  readonly parameters: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
}

const assertionLifetimeSeconds = 60

/**
 * Proves the client at the token, revocation or device authorization endpoint, by the provider's `clientAuth`.
 *
 * @param audience who an assertion is for: the issuer, or the token endpoint where there is none (RFC 7523 §3).
 * @throws {LatchkeyError} `invalid_options` when the method needs a secret and there is none, or it cannot sign.
 * @see RFC 6749 §2.3
 */
export async function clientCredentials(
  provider: Provider,
  audience: string,
  clock: Clock,
): Promise<ClientCredentials> {
  const { clientAuth, clientId } = provider
  if (clientAuth.method === 'none') return { parameters: { client_id: clientId }, headers: {} }
  if (clientAuth.method === 'private_key_jwt') {
    const signer = signedWithKey(clientAuth)
    return { parameters: await assertion(provider, signer, audience, clock), headers: {} }
  }
  const secret = await secretOf(provider, clientAuth)
  switch (clientAuth.method) {
    case 'client_secret_post':
      return { parameters: { client_id: clientId, client_secret: secret }, headers: {} }
    case 'client_secret_basic':
      return basic(encodeCredential(clientId), encodeCredential(secret))
    case 'client_secret_basic_raw':
      return basic(clientId, secret)
    case 'client_secret_jwt': {
      const signer = (options: ModifyAssertionOptions): Authenticate => ClientSecretJwt(secret, options)
      return { parameters: await assertion(provider, signer, audience, clock), headers: {} }
    }
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

type Signed = Extract<ClientAuth, { method: 'private_key_jwt' }>
type Secret = Exclude<ClientAuth, { method: 'private_key_jwt' | 'none' }>

/** Parameters with an assertion that is signed for this one request, on our clock (RFC 7523 §3). */
async function assertion(
  provider: Provider,
  signer: (options: ModifyAssertionOptions) => Authenticate,
  audience: string,
  clock: Clock,
): Promise<Record<string, string>> {
  const authenticate = signer({
    [modifyAssertion]: (_header, payload) => {
      const now = Math.floor(clock.now())
      Object.assign(payload, { iat: now, nbf: now, exp: now + assertionLifetimeSeconds })
    },
  })
  const parameters = new URLSearchParams()
  try {
    await authenticate({ issuer: audience }, { client_id: provider.clientId }, parameters, new Headers())
  } catch {
    throw invalid(provider, `the key or secret of clientAuth ${provider.clientAuth.method} cannot sign.`)
  }
  return Object.fromEntries(parameters)
}

function signedWithKey({ privateKey, keyId }: Signed): (options: ModifyAssertionOptions) => Authenticate {
  return (options) =>
    PrivateKeyJwt(keyId === undefined ? privateKey : { key: privateKey, kid: keyId }, options)
}

async function secretOf(provider: Provider, { method, clientSecret: make }: Secret): Promise<string> {
  const secret = make === undefined ? provider.clientSecret : await made(provider, make)
  if (typeof secret === 'string' && secret !== '') return secret
  throw invalid(provider, `${method} needs a clientSecret. Set it, or set clientAuth: { method: 'none' }.`)
}

async function made(provider: Provider, make: NonNullable<Secret['clientSecret']>): Promise<string> {
  try {
    return await make(provider.clientId)
  } catch {
    // The app's own error may hold anything, so it is not passed on.
    throw invalid(provider, 'the function clientAuth.clientSecret threw. It must return the client secret.')
  }
}

function invalid({ id }: Provider, fault: string): LatchkeyError {
  return new LatchkeyError('invalid_options', `${id}: ${fault}`, { provider: id })
}
