import type { Latchkey, RequestOAuth } from '@latchkey/express'
import type { Express } from 'express'
import { describe, expect, it } from 'vitest'
import { type Fleet, type FleetVisitor, people, startFleet } from './fleet.fixture.ts'
import type { HarnessServers } from './harness.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'

const rotating = { policy: { rotate: true, reuseKillsFamily: true } }

/** Calls per generation of every refresh token, and how many families died. */
function figures({ servers: { as } }: Fleet) {
  const perGeneration = as.grants().flatMap(({ grantId, generation }) => {
    const calls = as.refreshCallsByGeneration(grantId)
    expect([grantId, calls.length, calls.at(-1)]).toEqual([grantId, generation + 1, 0])
    return calls.slice(0, -1)
  })
  const calls = perGeneration.reduce((sum, count) => sum + count, 0)
  return {
    generations: perGeneration.length,
    most: Math.max(...perGeneration),
    average: (calls / perGeneration.length).toFixed(3),
    familiesKilled: as.grants().filter(({ familyRevoked }) => familyRevoked).length,
  }
}

/** `/vault` says whether the token in the vault is the newest that the server issued to this user. */
function vaultRoute(app: Express, _auth: Latchkey<'example'>, { as }: HarnessServers): void {
  app.get('/vault', async (req, res) => {
    const oauth = req.oauth as unknown as RequestOAuth // whatever ids another program registered
    const live = as.liveFor(oauth.requireUser().id)
    const { value } = await oauth.accessToken()
    res.json({ isLive: value === live?.accessToken && live.revoked === false })
  })
}

async function expectVaultIsLive(visitor: FleetVisitor, place: number): Promise<void> {
  expect((await visitor.get('/vault', { redirect: 'manual' }, place)).text).toBe('{"isLive":true}')
}

describe('case 60: many processes', () => {
  it(
    'case 60: parallel requests at 4 processes over one store, expiry aligned: one token request per generation',
    async () => {
      const [users, rounds, perUser] = [
        countOf({ everyday: 5, full: 10 }),
        countOf({ everyday: 20, full: 100 }),
        countOf({ everyday: 16, full: 100 }),
      ]
      const fleet = await startFleet(4, {
        server: { ...rotating, users: people(users) },
        routes: vaultRoute,
      })
      const { rs, clock } = fleet.servers
      const visitors: FleetVisitor[] = []
      for (const { id } of people(users)) visitors.push(await fleet.signedIn(id))
      for (let round = 0; round < rounds; round += 1) {
        await clock.advance(3_700)
        const asked = Array.from({ length: perUser }, () => visitors)
          .flat()
          .map((visitor) => visitor.get('/me', { redirect: 'manual' }))
        expect(new Set((await Promise.all(asked)).map(({ status }) => status))).toEqual(new Set([200]))
        for (const [index, visitor] of visitors.entries()) await expectVaultIsLive(visitor, index % 4)
      }
      const found = figures(fleet)
      console.log(
        `case 60: 4 processes, ${found.generations} aligned expiries, ${rs.calls.resource} requests: ` +
          `${found.average} calls per generation (at most ${found.most}), ${found.familiesKilled} families killed`,
      )
      expect(found).toEqual({ generations: users * rounds, most: 1, average: '1.000', familiesKilled: 0 })
      expect(rs.calls.resource).toBe(users * rounds * perUser)
    },
    countTimeoutMs,
  )

  it('case 60: while one process has its answer outstanding the others wait, and take what it brings', async () => {
    const fleet = await startFleet(4, { server: rotating, routes: vaultRoute })
    const { as, clock } = fleet.servers
    const ada = await fleet.signedIn('user-ada')
    for (const at of ['beforeCommit', 'afterCommit'] as const) {
      await clock.advance(3_700)
      const hold = as.faults.hold('token', { at })
      const asked = Array.from({ length: 40 }, () => ada.get('/me', { redirect: 'manual' }))
      await hold.arrived
      // Each of the three others has tried to take the lease, and looks what becomes of it.
      const takes = (): number => fleet.probe.commands.filter(({ name }) => name === 'grants.observe').length
      const before = takes()
      await expect.poll(takes).toBeGreaterThan(before + 6)
      hold.release()
      expect(new Set((await Promise.all(asked)).map(({ status }) => status))).toEqual(new Set([200]))
      for (const place of [0, 1, 2, 3]) await expectVaultIsLive(ada, place)
      as.faults.clear()
    }
    expect(figures(fleet)).toEqual({ generations: 2, most: 1, average: '1.000', familiesKilled: 0 })
  })

  it('case 60: a process that was slow to read looks again inside the lease before it sends anything', async () => {
    const fleet = await startFleet(2, { server: rotating, routes: vaultRoute })
    const { as, clock } = fleet.servers
    const ada = await fleet.signedIn('user-ada')
    await clock.advance(3_700)
    let readings = 0
    let answerFirst = (): void => {}
    const others = new Promise<void>((resolve) => {
      answerFirst = resolve
    })
    fleet.probe.answer('grants.read', async (answer) => {
      readings += 1
      if (readings === 1) await others
      return answer
    })
    const slow = ada.get('/me', { redirect: 'manual' }, 0)
    await expect.poll(() => readings).toBe(1)
    expect((await ada.get('/me', { redirect: 'manual' }, 1)).status).toBe(200)
    answerFirst()
    expect((await slow).status).toBe(200)
    for (const place of [0, 1]) await expectVaultIsLive(ada, place)
    expect(as.calls.token).toBe(2)
    expect(figures(fleet)).toEqual({ generations: 1, most: 1, average: '1.000', familiesKilled: 0 })
  })
})
