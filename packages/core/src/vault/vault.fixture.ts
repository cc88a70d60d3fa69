import { TestClock } from '@latchkey/testing'
import { Sealer } from '../crypto/seal.ts'
import { Events, type LatchkeyEvents } from '../events.ts'
import type { Logger } from '../log.ts'
import type { Provider } from '../protocol/provider.ts'
import type { TokenAnswer, TokenSet } from '../protocol/token.ts'
import { guardedStore } from '../store/guarded-store.ts'
import { memoryStore } from '../store/memory-store.ts'
import type { GrantRef, Store } from '../store/store.ts'
import type { GrantHandle, LiveGrant } from './grant.ts'
import { Vault } from './vault.ts'

export const startAt = 1_800_000_000
export const lifetimeSeconds = 3_600
export const secret = 'a secret of the tests, long enough to seal with'

/** A scripted token endpoint: each refresh takes the next answer, or waits to be answered by hand. */
export class ScriptedClient {
  readonly provider: Provider
  readonly sent: TokenSet[] = []
  readonly revoked: TokenSet[] = []
  readonly answers: ((tokens: TokenSet) => TokenAnswer | Promise<TokenAnswer>)[] = []

  constructor(overrides: Partial<Provider> = {}) {
    // The vault reads nothing else of a provider.
    this.provider = {
      id: 'example',
      name: 'Example',
      refreshEndsAccessToken: false,
      exclusive: false,
      revocation: 'token',
      ...overrides,
    } as Provider
  }

  identity(): string {
    return 'https://as.example client'
  }

  canRefresh(tokens: TokenSet): boolean {
    return tokens.refreshToken !== undefined
  }

  async refresh(tokens: TokenSet): Promise<TokenAnswer> {
    this.sent.push(tokens)
    const answer = this.answers.shift()
    if (answer === undefined) throw new Error('The vault sent a refresh that the test did not expect.')
    return answer(tokens)
  }

  async revoke(tokens: TokenSet): Promise<boolean> {
    this.revoked.push(tokens)
    return true
  }
}

export interface Logged {
  readonly level: string
  readonly event: unknown
}

/** A process of its own: a vault with its own memory, over a store that others may share. */
export interface FixtureProcess {
  readonly vault: Vault
  readonly client: ScriptedClient
  readonly handle: GrantHandle
}

export class VaultFixture {
  readonly clock: TestClock = new TestClock({ frozen: true, startAt })
  readonly ref: GrantRef = { slot: 'locator', id: 'grant' }
  readonly store: Store
  readonly logged: Logged[] = []
  readonly emitted: [keyof LatchkeyEvents, object][] = []
  readonly client: ScriptedClient
  readonly vault: Vault
  readonly handle: GrantHandle

  constructor(provider: Partial<Provider> = {}, step: Step = () => {}) {
    this.store = steppedStore(memoryStore({ clock: this.clock }), step)
    const first = this.process(provider)
    this.client = first.client
    this.vault = first.vault
    this.handle = first.handle
  }

  /** One more process over the same store. */
  process(provider: Partial<Provider> = {}, processSecret = secret): FixtureProcess {
    const log = this.#logger()
    const events = new Events(log)
    const names = ['refresh', 'refresh_failed', 'account_expiring', 'account_ended', 'save_lost'] as const
    for (const name of names) {
      events.on(name, (event) => this.emitted.push([name, event]))
    }
    const store = guardedStore(this.store, this.clock, log)
    const vault = new Vault({ store, sealer: new Sealer([processSecret]), clock: this.clock, events, log })
    const client = new ScriptedClient(provider)
    return { vault, client, handle: { ref: this.ref, client, account: { provider: 'example', id: 'ada' } } }
  }

  /** Puts a grant into the store as a sign-in does. */
  async signIn(tokens: Partial<TokenSet> = {}): Promise<TokenSet> {
    const first = tokenSet(this.clock.now(), 1)
    const grant: LiveGrant = {
      state: 'live',
      tokens: { ...first, ...tokens },
      authorizedAt: this.clock.now(),
      refreshCount: 0,
    }
    await this.store.sessions.write(this.ref.slot, {
      expectedVersion: undefined,
      record: { version: 'session', sealed: new Uint8Array() },
      ttlSeconds: 90 * 86_400,
      putGrants: [{ id: this.ref.id, record: this.vault.seal(this.ref, grant), ttlSeconds: 90 * 86_400 }],
      deleteGrants: [],
    })
    return grant.tokens
  }

  /** Stores a token set as a sign-in on another device does, where a new one kills all earlier ones. */
  async signInElsewhere(generation: number, { vault }: Pick<FixtureProcess, 'vault'> = this): Promise<void> {
    const { stored } = await vault.subjectGrants.bring({
      ref: this.ref,
      tokens: this.issue(generation),
      requestedScope: ['read'],
      holder: undefined,
      member: { id: `device-${generation}`, expiresAt: this.clock.now() + 86_400 },
      ttlSeconds: 86_400,
      isAlive: async () => true,
      authorizedAt: this.clock.now(),
    })
    if (stored !== 'ours') throw new Error(`The sign-in found another newer one: ${stored}`)
  }

  /** Answers the next refresh with generation `generation`. */
  willAnswer(
    generation: number,
    overrides: Partial<TokenSet> = {},
    client: ScriptedClient = this.client,
  ): void {
    client.answers.push(() => tokenSetAnswer(this.clock.now(), generation, overrides))
  }

  /** What the authorization server would issue now. */
  issue(generation: number): TokenSet {
    return tokenSet(this.clock.now(), generation)
  }

  /** Takes the grant out of the store, as a sign-out does. */
  async forget(): Promise<void> {
    const standing = await this.store.grants.read(this.ref)
    if (standing !== undefined) await this.store.grants.delete(this.ref, standing.version)
  }

  /** Lets promises run until nothing more happens without time passing. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await this.clock.advance(0)
  }

  /** Lets time pass in small steps, so that every waiter looks as often as it would. */
  async pass(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds; passed += 0.1) await this.clock.advance(0.1)
  }

  #logger(): Logger {
    const at = (level: string): Logger['info'] => {
      return (fields) => void this.logged.push({ level, event: fields.event })
    }
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  }
}

export function tokenSet(now: number, generation: number): TokenSet {
  return {
    accessToken: `access-${generation}`,
    refreshToken: `refresh-${generation}`,
    tokenType: 'Bearer',
    receivedAt: now,
    expiresAt: now + lifetimeSeconds,
    scope: ['read'],
  }
}

export function tokenSetAnswer(
  now: number,
  generation: number,
  overrides: Partial<TokenSet> = {},
): TokenAnswer {
  return { kind: 'token_set', tokens: { ...tokenSet(now, generation), ...overrides }, raw: {} }
}

export const cutOff: TokenAnswer = { kind: 'retry', reason: 'network', outcome: 'unknown' }
export const unavailable: TokenAnswer = { kind: 'retry', reason: 'rate_limited', outcome: 'not_processed' }
export const dead: TokenAnswer = { kind: 'dead', oauth: { error: 'invalid_grant' } }

/** A store in which a test steps between a call and what it does, or between that and its answer. */
export function steppedStore(store: Store, step: Step): Store {
  const stepped = <Port extends object>(port: Port, name: string): Port =>
    new Proxy(port, {
      get(target, property) {
        const member: unknown = Reflect.get(target, property)
        if (typeof member !== 'function') return member
        return async (...args: readonly unknown[]): Promise<unknown> => {
          await step(`${name}.${String(property)}`, 'before')
          const answer: unknown = await Reflect.apply(member, target, args)
          await step(`${name}.${String(property)}`, 'after')
          return answer
        }
      },
    })
  return {
    ...store,
    grants: stepped(store.grants, 'grants'),
    leases: stepped(store.leases, 'leases'),
    subjects: stepped(store.subjects, 'subjects'),
    usedMarkers: stepped(store.usedMarkers, 'usedMarkers'),
  }
}

/** Called around each store call: `before` it happens, `after` it happened. A throw is what the caller sees. */
export type Step = (call: string, moment: 'before' | 'after') => void | Promise<void>
