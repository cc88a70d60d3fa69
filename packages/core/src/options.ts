import type { IncomingMessage } from 'node:http'
import { type Clock, systemClock } from './clock.ts'
import type { FlowSettings, LoginDetails, Routes } from './flows/settings.ts'
import { isOptionsObject, isTextList, kindOf } from './input/kind-of.ts'
import { type NamesOf, requireKnownKeys } from './input/known-names.ts'
import { consoleLogger, type Logger } from './log.ts'
import { type AppSessionOptions, type AppSessionSettings, appSessionSettings } from './options/app-session.ts'
import { baseUrls } from './options/base-urls.ts'
import { invalidOption } from './options/invalid-option.ts'
import { textsOf } from './options/option-shapes.ts'
import { checkPorts } from './options/ports.ts'
import { checkPreset, completeProviders } from './options/providers.ts'
import { type RouteOptions, routes } from './options/routes.ts'
import { type Secrets, secrets } from './options/secrets.ts'
import { type SignInOptions, sessionSettings } from './options/session-settings.ts'
import type { Provider, ProviderPreset } from './protocol/provider.ts'
import { type Environment, resolveClient } from './providers/resolve-client.ts'
import type { SessionSettings } from './session/sessions.ts'
import { memoryStore } from './store/memory-store.ts'
import type { Store } from './store/store.ts'
import type { Dispatcher } from './transport/undici.ts'

export type { AppSessionOptions, AppSessionSettings } from './options/app-session.ts'
export type { RouteOptions } from './options/routes.ts'
export type { SignInOptions } from './options/session-settings.ts'

/**
 * The options of `latchkey()`. What is left out comes from the environment where a variable is named, else from the
 * default. A wrong or missing one throws `invalid_options` at start and says what to do.
 */
export interface LatchkeyOptions<Id extends string = string, Req = IncomingMessage> {
  /**
   * Where browsers find the app: scheme, host, port and, behind a proxy that strips one, a path prefix. Several for an
   * app with several addresses. https; outside production also http on 127.0.0.1 or [::1].
   * @default LATCHKEY_BASE_URL (several apart by commas)
   */
  readonly baseUrl?: string | readonly string[]
  /**
   * At least 32 random bytes as text. Everything stored and every cookie is sealed under it. A list for rotation: the
   * first seals, all open; three deploys: `[old, new]`, `[new, old]`, `[new]`.
   * @default LATCHKEY_SECRET (several apart by commas); outside production a random one, with a warning
   */
  readonly secret?: string | readonly string[]
  /** Who users can sign in with, in the order of the buttons. */
  readonly providers: readonly ProviderPreset<Id>[]
  /**
   * Finds a provider that is not in `providers`, for example one per tenant. Its answers are kept.
   * @default none
   */
  readonly resolveProvider?: (
    id: string,
  ) => ProviderPreset<Id> | undefined | Promise<ProviderPreset<Id> | undefined>
  /**
   * Called once for every sign-in, before anything is stored. Returns the app's own id of the user; nothing: the user
   * who keeps the account already, else `<provider>:<id>`. Whatever it throws refuses the sign-in and reaches the app's
   * error handling; `new LatchkeyError('access_denied', …)` shows Latchkey's page. Not called for linked accounts.
   * @default none
   */
  readonly onLogin?: (
    login: LoginDetails,
    req: Req,
    // biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing is fine
  ) => string | undefined | void | Promise<string | undefined | void>
  /**
   * Accounts belong to the user instead of to a session: they survive sign-out, come back at the next sign-in together
   * with the linked ones, and can be used through `auth.user(userId)` without anybody signed in. They end by
   * `disconnect()`, by the authorization server, or after 180 days unused. Any provider can say otherwise.
   * @default false
   */
  readonly keepAccounts?: boolean
  /** Where sessions and tokens are kept. @default memoryStore(): forgets on restart, one process only */
  readonly store?: Store
  /** The app's own data, `req.session`. `false`: none. @default {} */
  readonly session?: false | AppSessionOptions
  /** How long sign-in sessions last, and their cookie. @default {} */
  readonly signIn?: SignInOptions
  /** Where Latchkey's own pages are. @default {} */
  readonly routes?: RouteOptions
  /** Further origins whose pages may send unsafe requests behind a guard. @default [] */
  readonly trustedOrigins?: readonly string[]
  /** undici dispatcher of every call to an authorization server or API: a proxy, or a test's. @default an Agent */
  readonly dispatcher?: Dispatcher
  /** Where the time comes from, for tests. @default the machine's */
  readonly clock?: Clock
  /** Any pino-like logger. @default the console, warnings and errors only */
  readonly logger?: Logger
}

/** The options, checked and complete. */
export interface Settings {
  readonly baseUrls: FlowSettings['baseUrls']
  readonly isProduction: boolean
  readonly secrets: Secrets
  readonly providers: readonly Provider[]
  readonly resolveProvider: ((id: string) => Promise<Provider | undefined>) | undefined
  readonly onLogin: ((login: LoginDetails, req: unknown) => unknown) | undefined
  readonly store: Store
  readonly appSession: AppSessionSettings | undefined
  readonly sessions: SessionSettings
  readonly routes: Routes
  readonly trustedOrigins: readonly string[]
  readonly dispatcher: Dispatcher | undefined
  readonly clock: Clock
  readonly log: Logger
  /** Tells the developer something at start that is no warning. */
  readonly announce: (line: string) => void
}

const names: NamesOf<LatchkeyOptions> = {
  baseUrl: true,
  secret: true,
  providers: true,
  resolveProvider: true,
  onLogin: true,
  keepAccounts: true,
  store: true,
  session: true,
  signIn: true,
  routes: true,
  trustedOrigins: true,
  dispatcher: true,
  clock: true,
  logger: true,
}

/**
 * Checks the options, fills in what is left out, and reads the environment. The only place that does.
 *
 * @throws {LatchkeyError} `invalid_options`: the message names option, variable and fix, and no secret's value.
 */
export function settingsOf<Req>(options: LatchkeyOptions<string, Req>, environment: Environment): Settings {
  checkShape(options)
  const isProduction = environment.NODE_ENV === 'production'
  const { logger: log = consoleLogger, clock = systemClock, keepAccounts = false } = options
  const addresses = baseUrls(textsOf('baseUrl', options.baseUrl, environment.LATCHKEY_BASE_URL), isProduction)
  const keeping = (provider: Provider): Provider => ({ keepAccounts, ...provider })
  const providers = completeProviders(options.providers, environment).map(keeping)
  if (providers.length === 0 && options.resolveProvider === undefined) {
    throw invalidOption('The option providers is empty. Pass at least one, for example [spotify()].')
  }
  const clientSecrets = providers.flatMap(({ clientSecret }) => clientSecret ?? [])
  const configuredSecrets = textsOf('secret', options.secret, environment.LATCHKEY_SECRET)
  if (configuredSecrets.length === 0 && options.secret !== undefined)
    throw invalidOption('The option secret is an empty list. Leave it out, or put at least one into it.')
  const own = secrets(configuredSecrets, { isProduction, log }, clientSecrets)
  const sessions = sessionSettings(options.signIn ?? {}, addresses)
  return {
    baseUrls: addresses,
    isProduction,
    secrets: own,
    providers,
    resolveProvider: resolver(options.resolveProvider, environment, keeping),
    onLogin: options.onLogin as Settings['onLogin'], // the adapter hands it the request that it was typed for
    store: options.store ?? defaultStore(isProduction, clock, log),
    appSession: appSessionSettings(options.session ?? {}, sessions, own),
    sessions,
    routes: routes(options.routes ?? {}),
    trustedOrigins: trustedOrigins(options.trustedOrigins ?? []),
    dispatcher: options.dispatcher,
    clock,
    log,
    announce: announcer(options.logger, environment),
  }
}

/** What the types refuse, for apps in JavaScript, whose faults would show later and elsewhere. */
function checkShape<Req>(options: LatchkeyOptions<string, Req>): void {
  if (!isOptionsObject(options)) {
    const example = 'latchkey({ providers: [spotify()] })'
    throw invalidOption(
      `latchkey() takes its options as one object, but got ${kindOf(options)}. Write ${example}.`,
    )
  }
  const mount = mountOf(options)
  if (mount !== undefined)
    throw invalidOption(`latchkey was mounted without being called. Write ${mount}(latchkey({ … })).`)
  requireKnownKeys<LatchkeyOptions>('latchkey()', options, names)
  const empty = Object.entries(options).find(([name, value]) => value === null && name !== 'providers')
  if (empty !== undefined) {
    throw invalidOption(`The option ${empty[0]} is null. Leave it out for its default.`)
  }
  checkPorts(options)
  requireFunction('resolveProvider', options.resolveProvider, 'from an id to a provider')
  requireFunction('onLogin', options.onLogin, 'from a login to your user id')
  const { keepAccounts }: { readonly keepAccounts?: unknown } = options
  if (keepAccounts === undefined || typeof keepAccounts === 'boolean') return
  throw invalidOption(`The option keepAccounts must be true or false, not ${kindOf(keepAccounts)}.`)
}

/** What hands a function what it took for a plugin: a request of Express, or an app of Fastify. */
function mountOf(options: object): 'app.use' | 'app.register' | undefined {
  if ('httpVersion' in options) return 'app.use'
  return 'addHook' in options ? 'app.register' : undefined
}

function requireFunction(option: string, value: unknown, shape: string): void {
  if (value === undefined || typeof value === 'function') return
  throw invalidOption(`The option ${option} must be a function ${shape}, not ${kindOf(value)}.`)
}

function resolver(
  resolve: LatchkeyOptions['resolveProvider'],
  environment: Environment,
  keeping: (provider: Provider) => Provider,
): Settings['resolveProvider'] {
  if (resolve === undefined) return undefined
  return async (id) => {
    const preset = await resolve(id)
    if (preset === undefined) return undefined
    checkPreset('What the option resolveProvider returned', preset)
    if (preset.id === id) return keeping(resolveClient(preset, environment))
    throw invalidOption(
      'The option resolveProvider returned a provider with another id than it was asked for.',
    )
  }
}

function defaultStore(isProduction: boolean, clock: Clock, log: Logger): Store {
  if (isProduction) {
    log.warn(
      { event: 'options.memory_store' },
      'Sessions and tokens are kept in memory: a restart signs everybody out and loses every token, and a second ' +
        'process would not know them. Set the option store.',
    )
  }
  return memoryStore({ clock })
}

function trustedOrigins(values: readonly string[]): readonly string[] {
  if (isTextList(values)) return values.map(trustedOrigin)
  throw invalidOption(
    `The option trustedOrigins must be a list, like ['https://shop.example.com'], not ${kindOf(values)}.`,
  )
}

function trustedOrigin(value: string): string {
  const url = URL.parse(value)
  if (url !== null && (value === url.origin || value === `${url.origin}/`)) return url.origin
  throw invalidOption('An entry of the option trustedOrigins is not an origin like https://shop.example.com.')
}

/** Without a logger of its own the app still gets the lines, except in production and in its tests. */
function announcer(logger: Logger | undefined, { NODE_ENV }: Environment): (line: string) => void {
  if (NODE_ENV === 'production') return () => {}
  if (logger !== undefined) return (line) => logger.info({ event: 'start' }, line)
  return NODE_ENV === 'test' ? () => {} : (line) => console.info(`latchkey: ${line}`)
}
