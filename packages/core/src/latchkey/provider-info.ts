import { callbackPath, loginPath, redirectUri } from '../flows/addresses.ts'
import type { Logger } from '../log.ts'
import { checkCallbackPaths, checkRedirectUri, warnOfSharedCallback } from '../options/providers.ts'
import type { Settings } from '../options.ts'
import { type Provider, signsUsersIn } from '../protocol/provider.ts'

/** A configured provider, as pages and start-up logs need it. */
export interface ProviderInfo<Id extends string = string> {
  readonly id: Id
  /** For people. */
  readonly name: string
  /** Path that begins a login, `baseUrl`'s own prefix included. */
  readonly loginPath: string
  /** To be registered at the authorization server. */
  readonly redirectUri: string
}

/**
 * The configured providers that sign users in, in their order.
 * @throws {LatchkeyError} `invalid_options`: a redirect URI that its authorization server is known to refuse.
 */
export function describeProviders<Id extends string>(settings: Settings): readonly ProviderInfo<Id>[] {
  const [{ path }] = settings.baseUrls
  return settings.providers.filter(signsUsersIn).map((provider) => {
    for (const uri of redirectUris(settings, provider)) checkRedirectUri(provider, uri)
    return {
      id: provider.id as Id, // the providers came in as ProviderPreset<Id>
      name: provider.name,
      loginPath: path + loginPath(settings, provider.id),
      redirectUri: redirectUri(settings, provider),
    }
  })
}

/** The redirect URIs of a provider: one for each `baseUrl`. */
export function redirectUris(settings: Settings, provider: Provider): readonly string[] {
  return settings.baseUrls.map((baseUrl) => redirectUri(settings, provider, baseUrl))
}

/** What else lies below one of these is answered too: steps of a login, and providers that are only known when asked for. */
export function ownPrefixes({ routes, resolveProvider }: Settings): readonly string[] {
  const { prefix, login, callback } = routes
  return [`${prefix}${login}/`, ...(resolveProvider === undefined ? [] : [`${prefix}${callback}/`])]
}

/**
 * The paths that are answered are these and what lies below {@link ownPrefixes}.
 * @throws {LatchkeyError} `invalid_options`: a callback path is taken.
 */
export function ownPaths(settings: Settings, log: Logger): readonly string[] {
  const { routes } = settings
  const providers = settings.providers.filter(signsUsersIn)
  const pathOf = (provider: Provider): string => callbackPath(settings, provider)
  const fixed = [loginPath(settings), routes.prefix + routes.logout]
  checkCallbackPaths(providers, pathOf, fixed)
  warnOfSharedCallback(providers, pathOf, log)
  return [...fixed, ...providers.flatMap((provider) => [loginPath(settings, provider.id), pathOf(provider)])]
}
