import { describe, expect, it, onTestFinished } from 'vitest'
import { countOf, countTimeoutMs } from '../integration/run-counts.fixture.ts'
import type { RedisCluster } from '../redis-groups.ts'
import { type RedisServer, redisIsMissing } from '../redis-server.ts'
import { lostOf, servedAgain } from './asks.fixture.ts'
import { keyOf, startClusterRig } from './cluster-rig.fixture.ts'
import { PacedLoad } from './paced-load.fixture.ts'
import { callsOf } from './refresh-rig.fixture.ts'

const moves = countOf({ everyday: 10, full: 500 })
const perSecond = 100

async function otherThanOwner(cluster: RedisCluster, key: string): Promise<RedisServer> {
  const owner = await cluster.ownerOf(key)
  const other = cluster.primaries.find((node) => node !== owner)
  if (other === undefined) throw new Error('There is no other node.')
  return other
}

describe.skipIf(redisIsMissing)('a Cluster whose slots move (case 72)', () => {
  it(
    `case 72: ${moves} slots of people who are active move key by key, and scripts are forgotten: nobody notices`,
    async () => {
      const { cluster, apps, asker, people } = await startClusterRig(moves)
      // Everybody's next call refreshes, in the middle of the move.
      await apps.expire()
      const load = new PacedLoad(apps, asker, { people, perSecond })
      onTestFinished(() => load.stop())
      for (const person of people) {
        const key = keyOf(person)
        const move = await cluster.moveSlot(key, await otherThanOwner(cluster, key))
        while ((await move.moveKeys(1)) > 0)
          for (const node of cluster.primaries) await node.command('SCRIPT', 'FLUSH')
        await move.end()
      }
      await load.stop()
      const { sent, signedIn, others } = load.figures()
      console.log(`${moves} slots moved under ${sent} requests: ${JSON.stringify({ signedIn, others })}`)
      expect(Object.keys({ ...signedIn, ...others })).toEqual(['served'])
      expect(await lostOf(apps, asker, people)).toBe(0)
      for (const { userId } of people) expect(Math.max(...callsOf(apps, userId))).toBeLessThanOrEqual(1)
    },
    countTimeoutMs,
  )

  it('case 72: a move that halts half way holds up what needs both halves, and nothing is lost', async () => {
    const { cluster, apps, asker, people } = await startClusterRig(1)
    const [person = { userId: '', cookie: '' }] = people
    await apps.expire()
    const key = keyOf(person)
    const from = await cluster.ownerOf(key)
    const move = await cluster.moveSlot(key, await otherThanOwner(cluster, key))
    // What is in one piece is asked for where it is now: ASK. What is in two is not: TRYAGAIN.
    expect(await move.moveKeys(1)).toBe(1)
    const refresh = await asker.ask(apps.at(0), 'call', person)
    expect([refresh.outcome, (await asker.ask(apps.at(0), 'page', person)).outcome]).toEqual([
      '503-keep',
      'served',
    ])
    expect(callsOf(apps, person.userId)).toEqual([0])
    await move.moveKeys()
    await move.end()
    expect(await cluster.ownerOf(key)).not.toBe(from)
    await servedAgain(asker, apps.at(0), person)
    expect(callsOf(apps, person.userId)).toEqual([1, 0])
  })
})
