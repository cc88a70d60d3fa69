import { describe, expect, it } from 'vitest'
import { redisIsMissing, until } from '../redis-server.ts'
import { servedAgain } from './asks.fixture.ts'
import { type ClusterRig, keyOf, startClusterRig } from './cluster-rig.fixture.ts'
import { type Cast, type Operation, operations } from './error-operations.fixture.ts'
import { callsOf, type Person } from './refresh-rig.fixture.ts'

/** Of people who are signed in already: whoever comes now may get a slot that is served. */
const ofUsers: readonly Operation[] = ['page', 'call', 'refresh', 'sign-out']
const nobody: Person = { userId: '', cookie: '' }

async function outcomesOf(names: readonly Operation[], cast: Cast): Promise<readonly string[]> {
  const outcomes: string[] = []
  for (const name of names) outcomes.push(`${name} ${await operations[name](cast)}`)
  return outcomes
}

function castOf({ apps, asker }: ClusterRig, people: readonly Person[]): Cast {
  const [fresh = nobody, expired = nobody, leaving = nobody] = people
  return { apps, asker, place: 0, fresh, expired, leaving, newcomer: 'User 1' }
}

describe.skipIf(redisIsMissing)('case 72: the error replies of a Cluster', () => {
  it('case 72: CLUSTERDOWN: everything is answered 503 until all slots are served, and nobody is signed out', async () => {
    const rig = await startClusterRig(3)
    const { cluster, apps, asker, people } = rig
    const cast = castOf(rig, people)
    await apps.expire()
    await servedAgain(asker, apps.at(0), cast.fresh)
    const [first, , third] = cluster.primaries
    await third?.kill()
    await until('the cluster is down', async () =>
      String(await first?.command('CLUSTER', 'INFO')).includes('cluster_state:fail'),
    )
    const names = Object.keys(operations) as readonly Operation[]
    expect(await outcomesOf(names, cast)).toEqual(names.map((name) => `${name} 503-keep`))
    expect(callsOf(apps, cast.expired.userId)).toEqual([0])
    await third?.start()
    await cluster.isWhole()
    for (const person of people) await servedAgain(asker, apps.at(0), person)
    expect(callsOf(apps, cast.expired.userId)).toEqual([1, 0])
  })

  it('case 72: MOVED: a client of a single node is told so, and nobody is signed out', async () => {
    const rig = await startClusterRig(12, (place, { primaries: [first] }) =>
      place === 0 ? undefined : { kind: 'single', port: first?.port ?? 0 },
    )
    const { cluster, apps, asker } = rig
    const [first] = cluster.primaries
    const owners = await Promise.all(rig.people.map((person) => cluster.ownerOf(keyOf(person))))
    const cast = castOf(
      rig,
      rig.people.filter((_, index) => owners[index] !== first),
    )
    await apps.expire()
    await servedAgain(asker, apps.at(0), cast.fresh)
    const outcomes = await outcomesOf(ofUsers, { ...cast, place: 1 })
    expect(outcomes).toEqual(ofUsers.map((name) => `${name} 503-keep`))
    expect(apps.at(1).events('redis.misconfigured')).toMatchObject([{ code: 'MOVED' }])
    for (const person of [cast.fresh, cast.expired, cast.leaving])
      await servedAgain(asker, apps.at(0), person)
  })
})
