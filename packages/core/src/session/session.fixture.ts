import { TestClock } from '@latchkey/testing'
import { Sealer } from '../crypto/seal.ts'
import type { LogFields, Logger } from '../log.ts'
import { guardedStore } from '../store/guarded-store.ts'
import { memoryStore } from '../store/memory-store.ts'
import type { GrantRef, Store, VersionedRecord } from '../store/store.ts'
import type { CookieSettings } from './cookie.ts'
import {
  type Addition,
  type BroughtAccount,
  type EndedGrant,
  type Session,
  Sessions,
  type SignedIn,
  type SignIn,
} from './sessions.ts'

export const startAt = 1_800_000_000
export const idleSeconds: number = 7 * 86_400
export const absoluteSeconds: number = 30 * 86_400
export const httpsCookie: CookieSettings = { secure: true, port: '443', sameSite: 'Lax', name: 'latchkey' }
export const secrets: readonly [string, string] = [
  'the first secret of these tests',
  'the second secret of these tests',
]

/** Keeps every line. */
export class RecordingLog implements Logger {
  readonly lines: { readonly level: string; readonly fields: LogFields; readonly message: string }[] = []
  readonly debug: Logger['debug'] = (fields, message) =>
    void this.lines.push({ level: 'debug', fields, message })
  readonly info: Logger['info'] = (fields, message) =>
    void this.lines.push({ level: 'info', fields, message })
  readonly warn: Logger['warn'] = (fields, message) =>
    void this.lines.push({ level: 'warn', fields, message })
  readonly error: Logger['error'] = (fields, message) =>
    void this.lines.push({ level: 'error', fields, message })

  /** The fields of the lines about one event. */
  about(event: string): LogFields[] {
    return this.lines.filter((line) => line.fields.event === event).map((line) => line.fields)
  }
}

/** One command that a store was asked, as `sessions.read`, with its arguments. */
export interface Command {
  readonly name: string
  readonly args: readonly unknown[]
}

/** A memory store that notes every command, and lets a test do something before one or instead of one. */
export class WatchedStore {
  readonly commands: Command[] = []
  /** Called before each command; a throw is what the caller gets. */
  before: (command: Command) => void | Promise<void> = () => {}
  /** Called after each command; a throw loses the answer, a value replaces it. */
  after: (command: Command, answer: unknown) => unknown = () => undefined
  readonly store: Store

  constructor(clock: TestClock, log: Logger) {
    const inner = memoryStore({ clock })
    const ports = ['sessions', 'grants', 'leases', 'usedMarkers', 'subjects', 'users', 'appSessions'] as const
    const watched = Object.fromEntries(ports.map((port) => [port, this.#watch(port, inner[port])]))
    this.store = guardedStore({ ...inner, ...watched }, clock, log)
  }

  get names(): readonly string[] {
    return this.commands.map((command) => command.name)
  }

  #watch<Port extends object>(port: string, target: Port): Port {
    return new Proxy(target, {
      get:
        (inner, property) =>
        async (...args: readonly unknown[]): Promise<unknown> => {
          const command = { name: `${port}.${String(property)}`, args }
          this.commands.push(command)
          await this.before(command)
          const method: unknown = Reflect.get(inner, property)
          if (typeof method !== 'function') throw new Error(`The store has no ${command.name}.`)
          const answer: unknown = await Reflect.apply(method, inner, args)
          return (await this.after(command, answer)) ?? answer
        },
    })
  }
}

/** A stored sign-in or addition, and what ended with it. */
export interface Stored extends SignedIn {
  readonly replaced: readonly EndedGrant[]
}

/** Sign-in sessions over a watched memory store. `another` is a second process with the same store. */
export class SessionsFixture {
  readonly clock: TestClock = new TestClock({ frozen: true, startAt })
  readonly log: RecordingLog = new RecordingLog()
  readonly watched: WatchedStore = new WatchedStore(this.clock, this.log)
  readonly store: Store = this.watched.store
  readonly sessions: Sessions = this.another()
  /** What is to be done once the store is back. */
  readonly left: (() => Promise<void>)[] = []
  readonly later = (work: () => Promise<void>): void => void this.left.push(work)

  another(
    sealWith: readonly [string, ...string[]] = secrets,
    cookie: CookieSettings = httpsCookie,
  ): Sessions {
    const settings = { idleSeconds, absoluteSeconds, cookie }
    const { store, clock, log } = this
    return new Sessions({ store, clock, log, settings, sealer: new Sealer(sealWith) })
  }

  async signIn(current?: Session, more: Partial<SignIn> = {}): Promise<Stored> {
    const replaced: EndedGrant[] = []
    const signedIn = await this.sessions.signIn({
      current,
      user: { provider: 'example', id: 'ada', name: 'Ada' },
      userId: 'example:ada',
      account: accountOf('ada'),
      kept: [],
      completed: {
        transaction: 'transaction',
        returnTo: '/',
        subject: 'subject of ada',
        scope: ['read'],
        at: startAt,
      },
      ended: (grants) => replaced.push(...grants),
      later: this.later,
      ...more,
    })
    return { ...signedIn, replaced }
  }

  async add(addition: Omit<Addition, 'ended' | 'later'>): Promise<Stored> {
    const replaced: EndedGrant[] = []
    const ended: Addition['ended'] = (grants) => replaced.push(...grants)
    const added = await this.sessions.add({ ...addition, ended, later: this.later })
    return { ...added, replaced }
  }
}

/** A session-owned account, with a grant record that says whose it is. */
export function accountOf(id: string, provider = 'example'): BroughtAccount {
  return { provider, id, subject: `subject of ${id}`, grant: { owner: 'session', seal: sealGrant } }
}

/** A grant record that says whose it is. */
export function sealGrant(ref: GrantRef): VersionedRecord {
  return { version: `version of ${ref.id}`, sealed: Buffer.from(`${ref.slot}/${ref.id}`) }
}

/** The `name=value` of a `Set-Cookie` value. */
export function pairOf(setCookie: string): string {
  return setCookie.split(';', 1)[0] ?? ''
}

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
