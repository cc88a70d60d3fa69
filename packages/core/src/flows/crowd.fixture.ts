import { AsyncLocalStorage } from 'node:async_hooks'
import type { Provider } from '../protocol/provider.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import { subjectGrantId } from '../session/record.ts'
import { type Command, secrets } from '../session/session.fixture.ts'
import type { GrantRef, VersionedRecord } from '../store/store.ts'
import type { Vault } from '../vault/vault.ts'
import { BindingSealer } from './binding-sealer.fixture.ts'
import { type Holding, type LosesStore, Run, type Step } from './crowd-run.fixture.ts'
import { LivingServer, userOf } from './crowd-server.fixture.ts'
import { type Browser, FlowsFixture } from './flows.fixture.ts'
import type { Flows } from './routes.ts'

/** Who has Ada's account at `other` when two operations meet. */
export type Start = 'nobody has it' | 'her laptop has it' | 'all her devices have it'

/** A grant as some command stored it. */
interface Stored {
  readonly at: number
  readonly ref: GrantRef
  readonly record: VersionedRecord
}

/** Ada with three devices and Bob with one, at two servers, on one store. What time passes, its steps pass. */
export class Crowd {
  readonly example: LivingServer = new LivingServer('example')
  readonly other: LivingServer
  readonly fixture: FlowsFixture
  readonly flows: Flows
  readonly subject: string
  readonly holdings: Holding[] = []
  readonly devices: Map<string, Browser> = new Map()
  /** Token sets that were stored too late for whoever revoked their whole authorization to know of them. */
  readonly endedUnseen: Set<string> = new Set()
  /** Token sets that were deleted with the last session of their account. */
  readonly deleted: Set<string> = new Set()
  /** Token sets that were deleted, which only a lost answer has said. */
  readonly unheard: Set<string> = new Set()
  readonly observer: Vault
  readonly #runs = new AsyncLocalStorage<Run>()
  readonly #stored: Stored[] = []
  readonly #waiting = new Set<string>()
  #at = 0

  constructor(provider: Partial<Provider>) {
    this.other = new LivingServer('other', provider)
    this.fixture = new FlowsFixture({
      sealer: new BindingSealer(secrets),
      clients: [this.example, this.other],
      onLogin: async ({ keptBy, user }) => keptBy ?? (user.id.startsWith('ada') ? 'ada' : 'bob'),
    })
    this.flows = this.fixture.flows()
    this.observer = this.fixture.anotherVault()
    this.subject = subjectKey(this.other, 'adas')
    for (const client of [this.example, this.other]) {
      client.watch = {
        now: () => this.fixture.clock.now(),
        step: (name, isWrite) => this.#step({ name, place: client.provider.id, isWrite }),
        endedAlong: (token) => this.#endedAlong(client, token),
      }
    }
    this.fixture.watched.before = async (command) => {
      await this.#step(stepOf(command))
      if (this.#runs.getStore()?.isStoreAway(this.fixture.clock.now())) throw new Error('no connection')
    }
    this.fixture.watched.after = (command, answer) => this.#note(command, answer)
  }

  /** Signs everybody in. */
  static async gathered(provider: Partial<Provider>, start: Start): Promise<Crowd> {
    const crowd = new Crowd(provider)
    for (const name of ['ada laptop', 'ada phone', 'bob laptop']) await crowd.#signIn(name, 'example')
    const laptop = crowd.device('ada laptop')
    if (start !== 'nobody has it') await laptop.link('other', 'adas.setup')
    if (start === 'all her devices have it') {
      await crowd.device('ada phone').link('other', 'adas.setup')
      await crowd.#signIn('ada tablet', 'other')
    }
    for (const [device, browser] of crowd.devices) {
      const record = (await browser.session())?.record
      const hasAccount = record?.accounts.some(({ provider: at }) => at === 'other') ?? false
      const locator = locatorIn(browser.cookie ?? '')
      crowd.holdings.push({ device, userIds: [device.slice(0, 3)], locator, hasAccount, isOld: true })
    }
    return crowd
  }

  /** The same crowd on a store of its own, which is told all commands again: gathering one takes much longer. */
  async copy(): Promise<Crowd> {
    const copy = new Crowd(this.other.provider)
    const { store } = copy.fixture
    for (const command of this.fixture.watched.commands) {
      if (!stepOf(command).isWrite) continue
      const { name, args } = command
      const [port, method] = name.split('.')
      const target: unknown = Reflect.get(store, port ?? '')
      await Reflect.apply(Reflect.get(Object(target), method ?? ''), target, args)
    }
    copy.fixture.clock.step(this.fixture.clock.now() - copy.fixture.clock.now())
    for (const [name, { jar }] of this.devices) {
      for (const [cookie, value] of jar) copy.device(name).jar.set(cookie, value)
    }
    for (const [from, to] of [[this.example, copy.example] as const, [this.other, copy.other] as const]) {
      to.issued = from.issued
      for (const token of from.living) to.living.add(token)
    }
    copy.holdings.push(...this.holdings)
    return copy
  }

  device(name: string): Browser {
    const known = this.devices.get(name) ?? this.fixture.browser(this.flows)
    this.devices.set(name, known)
    return known
  }

  /** Begins an operation. */
  start(operate: () => Promise<Holding | undefined>, holdAt?: number, losesStore?: LosesStore): Run {
    const run = new Run(holdAt, losesStore)
    const ended = this.#runs.run(run, operate)
    void ended
      .then(
        (gained) => {
          run.gained = gained
        },
        (failure: unknown) => {
          run.failure = failure
        },
      )
      .then(() => {
        run.isDone = true
      })
    return run
  }

  /** Somebody is faster than the operation that is being run. */
  disturb(disturbance: () => Promise<unknown>): void {
    const run = this.#runs.getStore()
    if (run !== undefined) run.disturbance = disturbance
  }

  /** Lets everything run that waits for no timer. */
  async turn(): Promise<void> {
    await this.fixture.clock.advance(0)
  }

  /** The access token in a grant record; `undefined` when it is not live. */
  tokenIn(ref: GrantRef, record: VersionedRecord): string | undefined {
    const grant = this.observer.open(ref, record)
    return grant?.state === 'live' ? grant.tokens.accessToken : undefined
  }

  async #signIn(device: string, provider: 'example' | 'other'): Promise<void> {
    const code = provider === 'other' ? 'adas.setup' : `${device.slice(0, 3)}.setup`
    await this.device(device).signIn(provider, '', code)
  }

  async #step(step: Step): Promise<void> {
    this.fixture.clock.step(0.001)
    const run = this.#runs.getStore()
    await run?.step(step)
    const disturbance = step.name === 'sessions.write' ? run?.disturbance : undefined
    if (run !== undefined && disturbance !== undefined) {
      run.disturbance = undefined
      await this.#runs.exit(disturbance)
    }
    this.#at += 1
    if (step.name.startsWith('subjects.')) run?.looks.set(step.place, this.#at)
  }

  #note({ name, args }: Command, answer: unknown): undefined {
    if (isMoved(answer)) return
    const { deletedGrant } = Object(answer)
    if (deletedGrant !== undefined) {
      const token = this.tokenIn({ slot: String(args[0]), id: subjectGrantId }, deletedGrant)
      if (token !== undefined) this.deleted.add(token)
    }
    for (const { ref, record } of grantsIn(name, args)) {
      // Tokens that wait to be imported are nobody's yet, so nobody can know of them.
      if (name === 'grants.create') this.#waiting.add(ref.slot)
      else if (!this.#waiting.has(ref.slot)) this.#stored.push({ at: this.#at, ref, record })
    }
    if (name !== 'sessions.write' || !this.#runs.getStore()?.wroteSession(this.fixture.clock.now())) return
    // The arguments and the answer of the ports' method.
    const [slot, { deleteGrants }] = args as Parameters<FlowsFixture['store']['sessions']['write']>
    const { deletedGrants } = answer as Awaited<ReturnType<FlowsFixture['store']['sessions']['write']>> & {
      readonly outcome: 'written'
    }
    for (const [index, record] of deletedGrants.entries()) {
      const token = record && this.tokenIn({ slot, id: deleteGrants[index] ?? '' }, record)
      if (token !== undefined) this.unheard.add(token)
    }
    throw new Error('no answer')
  }

  #endedAlong(client: LivingServer, token: string): void {
    const look = this.#runs.getStore()?.looks.get(subjectKey(client, userOf(token))) ?? 0
    const wasSeen = this.#stored.some(
      ({ at, ref, record }) => at <= look && this.tokenIn(ref, record) === token,
    )
    if (!wasSeen) this.endedUnseen.add(token)
  }
}

/** The grants that a store command puts into the store. */
export function grantsIn(
  name: string,
  args: readonly unknown[],
): readonly { readonly ref: GrantRef; readonly record: VersionedRecord }[] {
  // The arguments of the ports' methods, by their names.
  if (name === 'sessions.write') {
    const [slot, { putGrants }] = args as Parameters<FlowsFixture['store']['sessions']['write']>
    return putGrants.map(({ id, record }) => ({ ref: { slot, id }, record }))
  }
  if (name === 'subjects.admit') {
    const [slot, { grantId, record }] = args as Parameters<FlowsFixture['store']['subjects']['admit']>
    return [{ ref: { slot, id: grantId }, record }]
  }
  if (name === 'grants.create') {
    const [ref, record] = args as Parameters<FlowsFixture['store']['grants']['create']>
    return [{ ref, record }]
  }
  if (name !== 'grants.commit') return []
  const [ref, , record] = args as Parameters<FlowsFixture['store']['grants']['commit']>
  return [{ ref, record }]
}

function isMoved(answer: unknown): boolean {
  return answer === 'moved' || answer === 'gone' || Object(answer).outcome === 'moved'
}

const reads = ['.read', '.peek', '.observe', '.owner', '.count', '.members', '.notBefore']

function stepOf({ name, args: [first] }: Command): Step {
  const place = typeof first === 'string' ? first : String(Object(first).slot)
  return { name, place, isWrite: !reads.some((end) => name.endsWith(end)) }
}

/** The locator in the sign-in cookie among others. */
export function locatorIn(cookies: string): string {
  return /__Host-latchkey=([\w-]{22})\./.exec(cookies)?.[1] ?? ''
}
