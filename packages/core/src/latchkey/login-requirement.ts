import { isOptionsObject, isTextList, kindOf } from '../input/kind-of.ts'
import { type NamesOf, requireKnownKeys, requireKnownName } from '../input/known-names.ts'
import { invalidOption } from '../options/invalid-option.ts'

/** What a guarded route demands. */
export interface LoginRequirement<Id extends string = string> {
  /** Somebody signed in at this provider. @default anybody signed in */
  readonly provider?: Id
  /** Scope that must have been granted. @default [] */
  readonly scope?: readonly string[]
}

const names: NamesOf<LoginRequirement> = { provider: true, scope: true }

/**
 * Refuses a requirement that could not be met or that demands less than it looks, where the route is defined and not
 * at its first visitor.
 *
 * @param requirement what the app passed to `requireLogin()`.
 * @param providerIds every provider there is; `undefined`: more are found when asked for.
 * @throws {LatchkeyError} `invalid_options`
 */
export function checkLoginRequirement(
  requirement: unknown,
  providerIds: readonly string[] | undefined,
): void {
  if (!isOptionsObject(requirement)) {
    throw invalidOption(
      `requireLogin() takes an object, like requireLogin({ provider: '${providerIds?.[0] ?? 'spotify'}' }), ` +
        `not ${kindOf(requirement)}.`,
    )
  }
  if (isRequest(requirement)) {
    throw invalidOption(
      'requireLogin was passed on without calling it. Write requireLogin(), with the brackets.',
    )
  }
  requireKnownKeys<LoginRequirement>('requireLogin()', requirement, names)
  const { provider, scope }: { readonly provider?: unknown; readonly scope?: unknown } = requirement
  checkProvider(provider, providerIds)
  if (scope === undefined || isTextList(scope)) return
  throw invalidOption(
    `The option scope of requireLogin() must be a list of strings, like ['user-read-email'], not ${kindOf(scope)}.`,
  )
}

/** What every framework's request has: then the framework called, and not the app. */
function isRequest(value: object): boolean {
  return 'headers' in value && 'method' in value && 'url' in value
}

function checkProvider(provider: unknown, providerIds: readonly string[] | undefined): void {
  if (provider === undefined) return
  if (typeof provider !== 'string') {
    throw invalidOption(
      `The option provider of requireLogin() must be a provider's id, not ${kindOf(provider)}.`,
    )
  }
  if (providerIds !== undefined) requireKnownName('The option providers', provider, providerIds)
}
