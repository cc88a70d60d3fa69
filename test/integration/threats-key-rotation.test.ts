import { randomBytes } from 'node:crypto'
import type { VersionedRecord } from '@latchkey/core'
import type { PageResponse } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { Sealer } from '../../packages/core/src/crypto/seal.ts'
import { type Fleet, type FleetVisitor, locatorOf, people, startFleet } from './fleet.fixture.ts'
import { events } from './harness.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'

const newSecret = (): string => randomBytes(32).toString('base64url')
const rotating = { policy: { rotate: true, reuseKillsFamily: true } }

/** 503-keep: come again, the cookie stays. */
function expectKept(page: PageResponse): void {
  expect([page.status, page.headers['retry-after'], page.setCookies]).toEqual([503, '5', []])
}

/** The key that a record was sealed under, as the record names it. */
function keyOf(record: VersionedRecord | undefined): string {
  return Buffer.from(record?.sealed.subarray(1, 5) ?? []).toString('hex')
}

/** What {@link keyOf} says for this secret. */
function keyFor(secret: string): string {
  const binding = { kind: 'grant', name: 'any' } as const
  return keyOf({ version: '', sealed: new Sealer([secret]).seal(binding, Buffer.alloc(0)) })
}

/** The browser's session record and its newest grant record. */
async function stored(fleet: Fleet, visitor: FleetVisitor) {
  const { session, grants } = await fleet.recordsOf(locatorOf(visitor))
  return { session, grant: grants.at(-1)?.record }
}

function deletions({ probe }: Fleet): readonly string[] {
  return probe.commands.map(({ name }) => name).filter((name) => name.endsWith('.delete'))
}

/** No refresh token was sent twice, and no family was ended. */
function expectOneCallPerGeneration({ servers: { as } }: Fleet): number {
  const grants = as.grants()
  for (const { grantId, generation, familyRevoked, revoked } of grants) {
    if (revoked) continue
    const calls = [...Array.from({ length: generation }, () => 1), 0]
    expect([as.refreshCallsByGeneration(grantId), familyRevoked]).toEqual([calls, false])
  }
  return grants.reduce((sum, { generation }) => sum + generation, 0)
}

/** Everybody asks for `/me` in two lanes, `times` times in each. Whoever is answered is answered as oneself. */
async function load(visitors: readonly FleetVisitor[], times: number): Promise<readonly PageResponse[]> {
  const pages: PageResponse[] = []
  const lane = async (visitor: FleetVisitor): Promise<void> => {
    for (let turn = 0; turn < times; turn += 1) {
      const page = await visitor.get('/me', { redirect: 'manual' })
      if (page.status === 200) expect(JSON.parse(page.text).user).toBe(visitor.userId)
      pages.push(page)
    }
  }
  await Promise.all([...visitors, ...visitors].map(lane))
  return pages
}

const statuses = (pages: readonly PageResponse[]): readonly number[] => [
  ...new Set(pages.map(({ status }) => status)),
]

describe('case 46: the secret is rotated in a mixed fleet', () => {
  const [old, next] = [newSecret(), newSecret()]

  it(
    'case 46: the three deploys, rolled out under load, lose nobody while both secrets are there',
    async () => {
      const [users, places] = [countOf({ everyday: 8, full: 200 }), 3]
      const server = { ...rotating, users: people(users) }
      const fleet = await startFleet(places, { server }, () => ({ secret: [old] }))
      const { clock } = fleet.servers
      const visitors: FleetVisitor[] = []
      for (const { id } of people(users)) visitors.push(await fleet.signedIn(id))
      let requests = 0

      /** Every process is replaced while a herd that needs new tokens is at the door. */
      const deploy = async (
        secret: readonly string[],
        among = visitors,
      ): Promise<readonly PageResponse[]> => {
        const pages: PageResponse[] = []
        for (let place = 0; place < places; place += 1) {
          await clock.advance(3_700)
          const herd = load(among, 3)
          await Promise.all([fleet.replace(place, { secret: [...secret] }), herd])
          pages.push(...(await herd))
        }
        requests += pages.length
        return pages
      }
      expect(statuses(await deploy([old, next]))).toEqual([200])
      for (const each of visitors) expect(keyOf((await stored(fleet, each)).grant)).toBe(keyFor(old))
      expect(statuses(await deploy([next, old]))).toEqual([200])
      const refreshes = expectOneCallPerGeneration(fleet)
      console.log(
        `case 46: ${users} users, ${places} processes, 2 deploys: ${requests} requests, ${refreshes} refreshes, ` +
          '0 sessions lost, 1.000 calls per generation',
      )
      expect(refreshes).toBe(users * places * 2)

      // Every next write seals anew: a grant at its refresh, a session at the next sign-in.
      await clock.advance(3_700)
      expect(statuses(await load(visitors, 1))).toEqual([200])
      const [renewed, untouched] = [visitors.slice(0, users / 2), visitors.slice(users / 2)]
      for (const [index, each] of renewed.entries()) await each.signIn(`user-${index + 1}`)
      for (const each of visitors) {
        const { session, grant } = await stored(fleet, each)
        const key = renewed.includes(each) ? next : old
        expect([keyOf(session), keyOf(grant)]).toEqual([keyFor(key), keyFor(next)])
      }

      // The old secret goes too early: who did not sign in again is kept waiting, everybody else is served.
      expect(statuses(await deploy([next], renewed))).toEqual([200])
      for (const each of untouched) {
        for (const path of ['/me', '/whoami']) expectKept(await each.get(path))
        expectKept(await each.post('/logout'))
        expect((await each.get('/')).status).toBe(200)
      }
      expect(deletions(fleet)).toEqual([])
      const corrupt = fleet.serving.flatMap((harness) => events(harness, 'vault.corrupt'))
      expect(new Set(corrupt.map(({ fields }) => fields.fault))).toEqual(new Set(['unknown_key']))
      expect(corrupt).toHaveLength(untouched.length * 4)
      // A new sign-in works, and whoever still waits is back as soon as the old secret is.
      const [first, ...waiting] = untouched
      await first?.signIn(first.userId ?? '')
      await fleet.replace(0, { secret: [next, old] })
      for (const each of waiting) expect((await each.get('/me', {}, 0)).status).toBe(200)
      expectOneCallPerGeneration(fleet)
    },
    countTimeoutMs,
  )

  it('case 46: a process without the new secret answers 503 to what needs it, and deletes nothing', async () => {
    const secrets = [[next, old], [old]]
    const fleet = await startFleet(2, { server: rotating }, (place) => ({ secret: secrets[place] ?? [] }))
    const { as, clock } = fleet.servers
    const [modern, late] = [0, 1]
    const ada = fleet.newVisitor()
    await ada.signIn('user-ada', modern)
    for (const path of ['/me', '/whoami']) expectKept(await ada.get(path, {}, late))
    expectKept(await ada.post('/logout', late))
    expect((await ada.get('/', {}, late)).status).toBe(200)
    expect((await ada.get('/me', {}, modern)).status).toBe(200)

    // Its own session it can read, but not a grant that the modern one has refreshed: it sends nothing then.
    const grace = fleet.newVisitor()
    await grace.signIn('user-grace', late)
    await clock.advance(3_700)
    expect((await grace.get('/me', {}, modern)).status).toBe(200)
    const sent = as.calls.token
    for (const seconds of [0, 3_700]) {
      await clock.advance(seconds)
      expect(await grace.whoami(late)).toBe('user-grace')
      expectKept(await grace.get('/me', {}, late))
    }
    expect([as.calls.token, deletions(fleet)]).toEqual([sent, []])
    expect((await grace.get('/me', {}, modern)).status).toBe(200)
    await fleet.replace(late, { secret: [old, next] })
    for (const each of [ada, grace]) expect((await each.get('/me', {}, late)).status).toBe(200)
    expectOneCallPerGeneration(fleet)
  })

  it('case 46: one that waits for the refresh of another learns at once that it cannot read the outcome', async () => {
    const secrets = [[next, old], [old]]
    const fleet = await startFleet(2, { server: rotating }, (place) => ({ secret: secrets[place] ?? [] }))
    const { as, clock } = fleet.servers
    const grace = fleet.newVisitor()
    await grace.signIn('user-grace', 1)
    await clock.advance(3_700)
    const hold = as.faults.hold('token', { at: 'afterCommit' })
    const leader = grace.get('/me', {}, 0)
    await hold.arrived
    const waiting = Array.from({ length: 5 }, () => grace.get('/me', {}, 1))
    await expect.poll(() => fleet.probe.newCommands()).toContain('grants.observe')
    hold.release()
    expect((await leader).status).toBe(200)
    for (const page of await Promise.all(waiting)) expectKept(page)
    expect([as.calls.token, deletions(fleet)]).toEqual([2, []])
    expectOneCallPerGeneration(fleet)
  })

  it('case 46: herds at a modern and a late process at once spend no token twice, and nobody is signed out', async () => {
    const rounds = countOf({ everyday: 10, full: 500 })
    const secrets = [[next, old], [old]]
    const server = { ...rotating, users: people(5) }
    const fleet = await startFleet(2, { server }, (place) => ({ secret: secrets[place] ?? [] }))
    const visitors: FleetVisitor[] = []
    for (const { id } of people(5)) {
      const visitor = fleet.newVisitor()
      await visitor.signIn(id, 1)
      visitors.push(visitor)
    }
    const seen = new Map<number, number>()
    for (let round = 0; round < rounds; round += 1) {
      await fleet.servers.clock.advance(3_700)
      for (const { status } of await load(visitors, 2)) seen.set(status, (seen.get(status) ?? 0) + 1)
    }
    const [good, kept] = [seen.get(200) ?? 0, seen.get(503) ?? 0]
    console.log(
      `case 46: ${rounds} expiries in a mixed fleet: ${good} x 200, ${kept} x 503, 0 sessions lost, 1.000 calls per generation`,
    )
    expect([good + kept, deletions(fleet)]).toEqual([rounds * 20, []])
    expect(kept).toBeGreaterThan(0)
    await fleet.replace(1, { secret: [old, next] })
    expect(statuses(await load(visitors, 2))).toEqual([200])
    expect(expectOneCallPerGeneration(fleet)).toBe(rounds * 5)
  })

  it('case 46: a grant that a straggler sealed under the old secret waits for it, and a sign-in replaces it', async () => {
    const secrets = [[next, old], [old, next], [next]]
    const fleet = await startFleet(3, { server: rotating }, (place) => ({ secret: secrets[place] ?? [] }))
    const ada = fleet.newVisitor()
    await ada.signIn('user-ada', 0)
    await fleet.servers.clock.advance(3_700)
    expect((await ada.get('/me', {}, 1)).status).toBe(200)
    const { session, grant } = await stored(fleet, ada)
    expect([keyOf(session), keyOf(grant)]).toEqual([keyFor(next), keyFor(old)])
    expect(await ada.whoami(2)).toBe('user-ada')
    expectKept(await ada.get('/me', {}, 2))
    expect(deletions(fleet)).toEqual([])
    expect((await ada.get('/me', {}, 0)).status).toBe(200)
    await ada.signIn('user-ada', 2)
    expect((await ada.get('/me', {}, 2)).status).toBe(200)
    expect(keyOf((await stored(fleet, ada)).grant)).toBe(keyFor(next))
  })
})
