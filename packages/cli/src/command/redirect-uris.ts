import type { ProviderPreset } from '@latchkey/core'
import { type checkedBaseUrls, checkedRoutes, redirectUri } from '@latchkey/core/terminal'

/** The addresses of an app, checked. */
export type BaseUrls = ReturnType<typeof checkedBaseUrls>

/** What an app with the usual routes registers at a provider: one redirect URI for each of its addresses. */
export function redirectUris(preset: ProviderPreset, baseUrls: BaseUrls): readonly string[] {
  const settings = { baseUrls, routes: checkedRoutes({}) }
  return baseUrls.map((baseUrl) => redirectUri(settings, preset, baseUrl))
}
