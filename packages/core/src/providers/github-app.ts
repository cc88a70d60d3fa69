import type { ProviderPreset } from '../protocol/provider.ts'
import type { ProviderOptions } from './define-provider.ts'
import { github } from './github.ts'
import { checkPresetOptions } from './preset-options.ts'

/**
 * GitHub, a GitHub App with expiring user tokens: 8 hours, renewed for 6 months. A refresh ends the old access token and
 * the old refresh token at once. Permissions belong to the app, so there is no scope. Facts from GitHub's documentation
 * (high confidence).
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function githubApp<const Id extends string = 'github-app'>(
  options: ProviderOptions<Id> = {},
): ProviderPreset<Id> {
  checkPresetOptions('githubApp', options, {})
  const id = options.id ?? ('github-app' as Id) // without an id, Id is its default
  return github<Id>({ refreshEndsAccessToken: true, ...options, id })
}
