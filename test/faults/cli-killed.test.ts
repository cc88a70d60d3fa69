import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type DiskStore, diskStore, spotify } from '@latchkey/cli'
import { digest, OwnAccount } from '@latchkey/core/terminal'
import { type Spotify, startSpotify, TestClock } from '@latchkey/testing'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { GuardedChild } from '../guarded-child.ts'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import { ResultsFile } from '../results.ts'
import type { RefresherAnswer, RefresherSetup } from './cli-refresher.fixture.ts'

const program = join(import.meta.dirname, 'cli-refresher.fixture.ts')
const cache = join(import.meta.dirname, '../../node_modules/.cache/examples')
const processes = 20
const rounds = countOf({ everyday: 15, full: 500 })
const lifetimeSeconds = 3_600
const longestKillDelayMs = { leader: 15, anybody: 40 } as const

/** One person's programs, and the account that they share. */
class Programs {
  readonly clock = new TestClock()
  readonly store: DiskStore
  readonly folder: string
  readonly emulator: Spotify
  readonly members: GuardedChild[] = []
  ahead = 0

  constructor(emulator: Spotify) {
    this.emulator = emulator
    this.folder = join(mkdtempSync(join(tmpdir(), 'latchkey-cli-')), 'latchkey')
    this.store = diskStore({ folder: this.folder, clock: this.clock })
  }

  /** Stores new tokens, as a sign-in does; answers the id of their grant. */
  async signIn(): Promise<string> {
    const provider = spotify(this.emulator.presetOverrides)
    const tokens = this.emulator.tokens('ada')
    const ref = this.#ref
    const own = new OwnAccount({ provider, store: this.store, ref, secrets: [], clock: this.clock })
    const set = { ...tokens, receivedAt: this.clock.now() }
    const about = {
      provider: 'spotify',
      clientId: this.emulator.clientId,
      profile: 'default',
      identity: own.identity,
      scope: [],
    }
    await this.store.put(ref, own.record(set), 86_400 * 365, about)
    await own.close()
    return this.emulator.as.grants().at(-1)?.grantId ?? ''
  }

  get #ref() {
    return {
      slot: 'spotify',
      id: `default-${digest('client', JSON.stringify(['default', this.emulator.clientId])).slice(0, 12)}`,
    }
  }

  async start(place: number): Promise<void> {
    const child = new GuardedChild(process.execPath, ['--conditions=@latchkey/source', program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { PATH: process.env.PATH ?? '', NODE_ENV: 'test', NODE_COMPILE_CACHE: cache },
    })
    this.members[place] = child
    const isUp = once(child.child, 'message')
    const setup: RefresherSetup = {
      folder: this.folder,
      overrides: this.emulator.presetOverrides,
      ahead: this.ahead,
    }
    child.child.send(setup)
    expect((await isUp)[0]).toBe('up')
  }

  /** Time passes for everybody, and all ask; `undefined`: killed before it answered. */
  async round(advance: number): Promise<readonly Promise<RefresherAnswer | undefined>[]> {
    this.ahead += advance
    await this.clock.advance(advance)
    return this.members.map(async ({ child, ended }) => {
      const answered = once(child, 'message').then(([answer]) => answer as RefresherAnswer)
      child.send({ advance })
      return Promise.race([answered, ended.then(() => undefined)])
    })
  }

  /** The place of the process that holds the lease, or held it when it was killed. */
  leader(): number | undefined {
    const [text = '{}'] = this.files()
    const { lease } = JSON.parse(text) as { readonly lease?: { readonly process: { readonly pid: number } } }
    const place = this.members.findIndex(({ pid }) => pid === lease?.process.pid)
    return place === -1 ? undefined : place
  }

  /** Waits until one holds the lease, or all have answered. */
  async seesLeader(answered: Promise<unknown>): Promise<void> {
    let isOver = false
    void answered.finally(() => {
      isOver = true
    })
    while (!isOver && this.leader() === undefined) await pause(1)
  }

  /** Everything in the folder that is an account. */
  files(): readonly string[] {
    const folder = join(this.folder, 'spotify')
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => readFileSync(join(folder, name), 'utf8'))
  }

  /** Whatever else is there. */
  leftovers(): readonly string[] {
    return readdirSync(join(this.folder, 'spotify')).filter((name) => !name.endsWith('.json'))
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop(5_000)))
    rmSync(join(this.folder, '..'), { recursive: true, force: true })
  }
}

describe('case 94: 20 programs share an account on disk, and are killed at random', () => {
  const results = new ResultsFile({
    name: 'cli-killed',
    title: 'Programs in terminals: 20 processes refresh one grant on disk under random kill -9 (case 94)',
    command: 'npm run test:full -- test/faults/cli-killed.test.ts',
    setUp: { processes, rounds, 'rotation and reuse detection': true },
  })
  afterAll(() => void results.write())

  it('sends each refresh token once, and leaves a file that parses and no lock', {
    timeout: countTimeoutMs,
  }, async () => {
    const emulator = await startSpotify({
      policy: { rotate: true, reuseKillsFamily: true, accessTokenLifetimeSeconds: lifetimeSeconds },
    })
    onTestFinished(() => emulator.close())
    const programs = new Programs(emulator)
    onTestFinished(() => programs.close())
    await Promise.all(Array.from({ length: processes }, (_, place) => programs.start(place)))
    let grantId = await programs.signIn()
    const lost: string[] = []
    const failures: string[] = []
    let leadersKilled = 0
    let unparsed = 0
    let lostWithoutCause = 0

    for (let round = 0; round < rounds; round += 1) {
      const answers = await programs.round(lifetimeSeconds + 60)
      const target = round % 2 === 0 ? 'leader' : 'anybody'
      if (target === 'leader') await programs.seesLeader(Promise.all(answers))
      const seen = target === 'leader' ? programs.leader() : undefined
      const place = seen ?? Math.floor(Math.random() * processes)
      await pause(Math.random() * longestKillDelayMs[target]) // when the kill comes is what is varied
      const before = programs.leader()
      programs.members[place]?.signal('SIGKILL')
      const isLeader = [before, programs.leader()].includes(place)
      if (isLeader) leadersKilled += 1
      const said = await Promise.all(answers)
      const tokens = new Set(said.flatMap((answer) => (answer && 'token' in answer ? [answer.token] : [])))
      const failed = said.flatMap((answer) => (answer && 'failure' in answer ? [answer.failure] : []))
      for (const text of programs.files()) if (!isJson(text)) unparsed += 1
      await programs.start(place)
      const { familyRevoked } = emulator.as.live(grantId)
      if (familyRevoked) {
        // Killed between the server's rotation and the disk: nobody has the new token, and the old one was shown again.
        lost.push(grantId)
        if (!isLeader) lostWithoutCause += 1
        grantId = await programs.signIn()
      } else {
        expect(tokens.size).toBe(1)
        failures.push(...failed)
      }
    }

    const calls = emulator.as
      .grants()
      .map((grant) => ({ ...grant, calls: emulator.as.refreshCallsByGeneration(grant.grantId) }))
    const repeated = calls.flatMap(({ grantId: id, calls: generations }) =>
      generations.filter(
        (count, generation) => count > 1 && !(lost.includes(id) && generation === generations.length - 2),
      ),
    )
    const refreshes = calls.reduce(
      (sum, { calls: generations }) => sum + generations.filter((count) => count > 0).length,
      0,
    )
    results.count('refreshes', refreshes, { of: refreshes })
    results.count('processes killed', rounds, { of: rounds })
    results.count('of them while they held the lease', leadersKilled, { of: rounds })
    results.count('refresh tokens sent more than once, but for the lost', repeated.length, {
      of: refreshes,
      bar: '0',
    })
    results.count('files that did not parse', unparsed, { of: rounds, bar: '0' })
    results.count('calls that failed, but for the lost', failures.length, {
      of: rounds * processes,
      bar: '0',
    })
    results.count('grants lost: killed between the rotation and the disk', lost.length, { of: rounds })
    results.count('grants lost without that', lostWithoutCause, { of: rounds, bar: '0' })
    expect(lostWithoutCause).toBe(0)
    expect(repeated).toEqual([])
    expect(failures).toEqual([])
    expect(unparsed).toBe(0)
    // Nobody is held up by what the killed ones left, and it is gone.
    await programs.signIn()
    expect(programs.leftovers()).toEqual([expect.stringMatching(/\.json\.lock\.\d+$/)])
  })
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
