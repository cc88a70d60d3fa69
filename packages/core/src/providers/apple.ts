import type { webcrypto } from 'node:crypto'
import { isOptionsObject } from '../input/kind-of.ts'
import type { ProviderPreset } from '../protocol/provider.ts'
import { signedClientSecret } from '../protocol/signed-client-secret.ts'
import { defineProvider, type PresetData, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions } from './preset-options.ts'
import { pathPartOf } from './url-options.ts'

/** Options of {@link apple}. */
export interface AppleOptions<Id extends string> extends Omit<ProviderOptions<Id>, 'clientSecret'> {
  /** Of the developer account. */
  readonly teamId: string
  /** Of the private key. */
  readonly keyId: string
  /** The key for Sign in with Apple (P-256): `await importPKCS8(text, 'ES256')` of the package jose. */
  readonly privateKey: webcrypto.CryptoKey
}

const data: Omit<PresetData, 'clientAuth'> = {
  name: 'Apple',
  issuer: 'https://appleid.apple.com',
  authorizationEndpoint: 'https://appleid.apple.com/auth/authorize',
  tokenEndpoint: 'https://appleid.apple.com/auth/token',
  revocationEndpoint: 'https://appleid.apple.com/auth/revoke',
  jwksUri: 'https://appleid.apple.com/auth/keys',
  pkce: 'never',
  scope: ['name', 'email'],
  // Apple refuses scopes with any other mode.
  responseMode: 'form_post',
  authorizationResponseName: ({ name }) => (isOptionsObject(name) ? nameOf(name) : undefined),
  userinfo: { fields: { id: 'sub', email: 'email', emailVerified: 'email_verified' } },
  resourceOrigins: [],
}

/**
 * Sign in with Apple. The client secret is a token that is signed for each request. The name is sent only once, with the first
 * consent: keep it in `onLogin`. Facts from Apple's documentation and other libraries (medium
 * confidence); PKCE is not sent.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function apple<const Id extends string = 'apple'>(options: AppleOptions<Id>): ProviderPreset<Id> {
  const { teamId, keyId, privateKey, ...rest } = options ?? {}
  checkPresetOptions('apple', rest, {})
  const clientSecret = signedClientSecret({
    issuer: pathPartOf('apple', 'teamId', teamId, 'ABCDE12345'),
    keyId: pathPartOf('apple', 'keyId', keyId, 'ABC123DEFG'),
    audience: 'https://appleid.apple.com',
    privateKey,
  })
  const clientAuth = { method: 'client_secret_post', clientSecret } as const
  return defineProvider(rest.id ?? ('apple' as Id), { ...data, clientAuth }, rest) // without an id, Id is its default
}

function nameOf({
  firstName,
  lastName,
}: {
  readonly firstName?: unknown
  readonly lastName?: unknown
}): string {
  return [firstName, lastName].filter((part) => typeof part === 'string').join(' ')
}
