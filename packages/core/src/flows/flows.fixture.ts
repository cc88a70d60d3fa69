import { TestClock } from '@latchkey/testing'
import { Sealer } from '../crypto/seal.ts'
import { LatchkeyError } from '../errors.ts'
import { Events, type LatchkeyEvents } from '../events.ts'
import { parseBaseUrl } from '../session/base-url.ts'
import { KeptAccounts } from '../session/kept-accounts.ts'
import { pairOf, RecordingLog, secrets, startAt, WatchedStore } from '../session/session.fixture.ts'
import { type Session, Sessions } from '../session/sessions.ts'
import type { Store } from '../store/store.ts'
import { Vault } from '../vault/vault.ts'
import type { PlainRequest, Reply } from './http.ts'
import { Flows } from './routes.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'
import type { FlowSettings, OnLogin, Routes } from './settings.ts'

export const origin = 'https://app.example'
export const navigation: Readonly<Record<string, string>> = {
  host: 'app.example',
  accept: 'text/html,application/xhtml+xml',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
}
/** What a form of our own page sends along. */
export const ownForm: Readonly<Record<string, string>> = {
  ...navigation,
  'sec-fetch-site': 'same-origin',
  origin,
}

const defaultRoutes: Routes = {
  prefix: '',
  login: '/login',
  callback: '/callback',
  logout: '/logout',
  afterLogin: '/',
  afterLogout: '/',
}

export interface FlowsFixtureOptions {
  readonly clients?: readonly ScriptedSignInClient[]
  readonly baseUrls?: readonly [string, ...string[]]
  readonly routes?: Partial<Routes>
  readonly trustedOrigins?: readonly string[]
  readonly onLogin?: OnLogin
  readonly sealer?: Sealer
}

/** The flows on a watched memory store, with a real vault and scripted clients. */
export class FlowsFixture {
  readonly clock: TestClock = new TestClock({ frozen: true, startAt })
  readonly log: RecordingLog = new RecordingLog()
  readonly watched: WatchedStore = new WatchedStore(this.clock, this.log)
  readonly emitted: [keyof LatchkeyEvents, object][] = []
  readonly clients: readonly ScriptedSignInClient[]
  readonly resolvable: ScriptedSignInClient[] = []
  readonly settings: FlowSettings
  readonly sessions: Sessions
  readonly vault: Vault
  readonly kept: KeptAccounts
  readonly sealer: Sealer
  readonly #events: Events

  constructor(options: FlowsFixtureOptions = {}) {
    this.clients = options.clients ?? [new ScriptedSignInClient('example'), new ScriptedSignInClient('other')]
    const [first, ...more] = options.baseUrls ?? [origin]
    const { protocol, port } = new URL(first)
    const cookie = {
      secure: protocol === 'https:',
      port: port || '443',
      sameSite: 'Lax',
      name: 'latchkey',
    } as const
    this.sealer = options.sealer ?? new Sealer(secrets)
    const { clients, resolvable } = this
    this.settings = {
      baseUrls: [parseBaseUrl(first), ...more.map(parseBaseUrl)],
      routes: { ...defaultRoutes, ...options.routes },
      trustedOrigins: options.trustedOrigins ?? [],
      cookie,
      providers: {
        listed: clients,
        get resolvesMore() {
          return resolvable.length > 0
        },
        find: async (id) => [...clients, ...resolvable].find((client) => client.provider.id === id),
      },
      onLogin: options.onLogin,
    }
    this.#events = new Events(this.log)
    for (const name of ['login', 'link', 'logout', 'save_lost'] as const) {
      this.#events.on(name, (event) => this.emitted.push([name, event]))
    }
    const { clock, log, sealer, store } = this
    const absoluteSeconds = 30 * 86_400
    const settings = { idleSeconds: 86_400, absoluteSeconds, cookie }
    this.sessions = new Sessions({ store, sealer, clock, log, settings })
    this.vault = this.anotherVault()
    this.kept = new KeptAccounts({ store: store.users, sealer, log, absoluteSeconds })
  }

  get store(): Store {
    return this.watched.store
  }

  anotherVault(): Vault {
    const { clock, log, sealer, store } = this
    return new Vault({ store, sealer, clock, events: this.#events, log })
  }

  get client(): ScriptedSignInClient {
    const [first] = this.clients
    if (first === undefined) throw new Error('This fixture has no client.')
    return first
  }

  /** Another process with the same store; with a vault of its own it shares no refresh with this one. */
  flows(vault: Vault = this.vault): Flows {
    const { settings, sessions, store, kept, sealer, clock, log } = this
    return new Flows({ settings, sessions, store, vault, kept, sealer, clock, log, events: this.#events })
  }

  browser(flows: Flows = this.flows()): Browser {
    return new Browser(flows, this.sessions)
  }
}

/** A browser of the app: it keeps cookies and sends what browsers send. */
export class Browser {
  readonly jar: Map<string, string> = new Map()
  readonly #flows: Flows
  readonly #sessions: Sessions

  constructor(flows: Flows, sessions: Sessions) {
    this.#flows = flows
    this.#sessions = sessions
  }

  /** Another window of it: the same cookies, as they are now. */
  copy(): Browser {
    const copy = new Browser(this.#flows, this.#sessions)
    for (const [name, value] of this.jar) copy.jar.set(name, value)
    return copy
  }

  get cookie(): string | undefined {
    return this.jar.size === 0
      ? undefined
      : [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  async get(url: string, headers: PlainRequest['headers'] = navigation): Promise<Reply> {
    return this.send(plainRequest('GET', url, { cookie: this.cookie, ...headers }))
  }

  async post(url: string, headers: PlainRequest['headers'] = ownForm, body = ''): Promise<Reply> {
    return this.send(plainRequest('POST', url, { cookie: this.cookie, ...headers }, body))
  }

  async send(request: PlainRequest): Promise<Reply> {
    const reply = await this.#flows.route(request)
    if (reply === undefined) throw new Error(`${request.url} is not one of our routes.`)
    this.take(reply)
    return reply
  }

  take({ setCookies }: Reply): void {
    for (const setCookie of setCookies) {
      const [name = '', value = ''] = pairOf(setCookie).split('=')
      if (setCookie.includes('Max-Age=0')) this.jar.delete(name)
      else this.jar.set(name, value)
    }
  }

  /** Begins a login and answers the callback address that the server would send the browser to. */
  async begin(provider = 'example', query = '', code = 'code'): Promise<string> {
    const { headers } = await this.get(`/login/${provider}${query}`)
    const state = new URL(headers.location ?? '').searchParams.get('state')
    return `/callback/${provider}?code=${code}&state=${state}`
  }

  async signIn(provider = 'example', query = '', code = 'code'): Promise<Reply> {
    return this.get(await this.begin(provider, query, code))
  }

  /** Presses the button of a link's or consent's page and answers the callback address. */
  async beginStep(purpose: 'link' | 'consent', provider: string, code = 'code'): Promise<string> {
    const { body } = await this.post(`/login/${provider}/${purpose}`)
    const [, state] = /[?&;]state=([\w-]{43})/.exec(body) ?? []
    if (state === undefined) throw new Error(`The ${purpose} did not begin: ${body}`)
    return `/callback/${provider}?code=${code}&state=${state}`
  }

  async link(provider: string, code = 'code'): Promise<Reply> {
    return this.get(await this.beginStep('link', provider, code))
  }

  session(): Promise<Session | undefined> {
    return this.#sessions.resume(this.cookie)
  }
}

export function plainRequest(
  method: string,
  url: string,
  headers: PlainRequest['headers'] = navigation,
  body = '',
): PlainRequest {
  return {
    method,
    url,
    headers,
    readBody: async (maxBytes) => {
      if (Buffer.byteLength(body) <= maxBytes) return body
      throw new LatchkeyError('invalid_callback', 'The body is too long.', {
        status: 413,
        reason: 'too_long',
      })
    },
  }
}
