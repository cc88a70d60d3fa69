import type { ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions } from './preset-options.ts'
import { hostOf } from './url-options.ts'

/** Options of {@link auth0}. */
export interface Auth0Options<Id extends string> extends ProviderOptions<Id> {
  /** Of the tenant, like `example.eu.auth0.com`, or your own domain there. */
  readonly domain: string
  /** The API that access tokens are for. Left out: they are good for userinfo alone. */
  readonly audience?: string
}

/**
 * Auth0. The issuer ends with a slash; errors come with 403. Asks for `offline_access`, so that there is a refresh token; with
 * rotation a spent one ends its whole family. Facts from Auth0's documentation (high confidence).
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function auth0<const Id extends string = 'auth0'>(options: Auth0Options<Id>): ProviderPreset<Id> {
  const { domain, audience, ...rest } = options ?? {}
  checkPresetOptions('auth0', rest, {})
  const origin = `https://${hostOf('auth0', 'domain', domain, 'example.eu.auth0.com')}`
  const asked = audience === undefined ? {} : { audience }
  const data = {
    name: 'Auth0',
    issuer: `${origin}/`,
    authorizationEndpoint: `${origin}/authorize`,
    tokenEndpoint: `${origin}/oauth/token`,
    clientCredentials: true,
    revocationEndpoint: `${origin}/oauth/revoke`,
    deviceAuthorizationEndpoint: `${origin}/oauth/device/code`,
    jwksUri: `${origin}/.well-known/jwks.json`,
    clientAuth: { method: 'client_secret_post' },
    scope: ['openid', 'profile', 'email', 'offline_access'],
    params: asked,
    resourceOrigins: audience === undefined ? [origin] : audienceOrigins(audience),
  } as const
  return defineProvider(rest.id ?? ('auth0' as Id), data, rest) // without an id, Id is its default
}

/** An audience is any text; where it is the address of the API, tokens may go there. */
function audienceOrigins(audience: string): readonly string[] {
  const url = URL.parse(audience)
  return url?.protocol === 'https:' ? [url.origin] : []
}
