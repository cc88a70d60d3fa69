import { LatchkeyError } from '../errors.ts'
import { isOptionsObject, kindOf } from '../input/kind-of.ts'
import type { Logger } from '../log.ts'
import type { Provider, ProviderPreset } from '../protocol/provider.ts'
import { acceptsRedirectUri } from '../protocol/redirect-uri.ts'
import { type Environment, resolveClient } from '../providers/resolve-client.ts'
import { invalidOption } from './invalid-option.ts'

/** All configured providers, complete and checked. */
export function completeProviders(
  presets: readonly ProviderPreset[],
  environment: Environment,
): readonly Provider[] {
  checkPresets(presets)
  const providers = resolvedAll(presets, environment)
  const ids = providers.map(({ id }) => id)
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  if (twice === undefined) return providers
  throw invalidOption(
    `Two providers have the id "${twice}". Give one of them its own: { id: '${twice}-2', … }.`,
  )
}

/** What is missing of several is said at once, so that nobody has to start as often as there are variables. */
function resolvedAll(presets: readonly ProviderPreset[], environment: Environment): readonly Provider[] {
  const providers: Provider[] = []
  const faults: LatchkeyError[] = []
  for (const preset of presets) {
    try {
      providers.push(resolveClient(preset, environment))
    } catch (error) {
      if (!LatchkeyError.is(error)) throw error
      faults.push(error)
    }
  }
  const [first, ...others] = faults
  if (first === undefined) return providers
  throw others.length === 0 ? first : invalidOption(faults.map(({ message }) => message).join('\n'))
}

const example = 'providers: [spotify()]'

/** Refuses what is no list of providers, before anything reads them. */
function checkPresets(presets: unknown): void {
  if (presets === undefined) {
    throw invalidOption(`The option providers is missing. Pass a list of at least one: ${example}.`)
  }
  if (!Array.isArray(presets)) {
    throw invalidOption(`The option providers must be a list: ${example}. It is ${kindOf(presets)}.`)
  }
  for (const [index, preset] of presets.entries())
    checkPreset(`Entry ${index + 1} of the option providers`, preset)
}

/**
 * Refuses a provider that no preset function made.
 * @param what where it came from.
 * @param shown how it is written.
 * @throws {LatchkeyError} `invalid_options`
 */
export function checkPreset(what: string, preset: unknown, shown: string = example): void {
  if (typeof preset === 'function') {
    const call = preset.name === '' ? 'spotify()' : `${preset.name}()`
    throw invalidOption(`${what} is a function. Pass its result, so call it: ${call}.`)
  }
  const isMade = isOptionsObject(preset) && 'id' in preset && 'clientAuth' in preset
  if (isMade) return
  const kind = isOptionsObject(preset) ? 'an object that no preset made' : kindOf(preset)
  throw invalidOption(`${what} is ${kind}. Pass what a preset returns: ${shown}.`)
}

/**
 * Refuses a redirect URI that the authorization server is known to refuse.
 * @throws {LatchkeyError} `invalid_options`
 */
export function checkRedirectUri(provider: Provider, redirectUri: string): void {
  if (acceptsRedirectUri(provider, redirectUri)) return
  const { id, name } = provider
  throw invalidOption(
    `${name} ("${id}") does not accept the redirect URI ${redirectUri}: it wants https, or http on 127.0.0.1, and ` +
      'never localhost. Change the option baseUrl.',
  )
}

/**
 * Refuses a callback path that is taken: by one of our own routes, or by the app's home page.
 * @throws {LatchkeyError} `invalid_options`
 */
export function checkCallbackPaths(
  providers: readonly Provider[],
  pathOf: (provider: Provider) => string,
  ownPaths: readonly string[],
): void {
  for (const provider of providers) {
    const path = pathOf(provider)
    if (path !== '/' && !ownPaths.some((own) => path === own || path.startsWith(`${own}/`))) continue
    throw invalidOption(
      `The callbackPath ${path} of "${provider.id}" is taken already. Choose one like '/callback/${provider.id}'.`,
    )
  }
}

/**
 * Warns of providers that could not be told apart when they answer: on a shared callback path only `iss` says who it
 * was (RFC 9207), and only a provider with an issuer compares it. Their sign-ins are refused.
 */
export function warnOfSharedCallback(
  providers: readonly Provider[],
  pathOf: (provider: Provider) => string,
  log: Logger,
): void {
  for (const provider of providers) {
    const { id, issuer } = provider
    const path = pathOf(provider)
    const isShared = providers.some((other) => other.id !== id && pathOf(other) === path)
    if (!isShared || issuer !== undefined) continue
    const message = `Sign-ins at "${id}" will be refused: it shares the callback path ${path} and has no issuer.`
    log.warn(
      { event: 'options.shared_callback', provider: id },
      `${message} Give it a callbackPath of its own.`,
    )
  }
}
