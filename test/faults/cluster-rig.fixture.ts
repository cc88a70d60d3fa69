import { onTestFinished } from 'vitest'
import type { StoreAddress } from '../integration/app-messages.ts'
import { appsOfTest } from '../integration/apps.fixture.ts'
import type { Apps } from '../integration/apps.ts'
import { people as named } from '../integration/fleet.fixture.ts'
import { type RedisCluster, startCluster } from '../redis-groups.ts'
import { type Asker, askerOfTest, signInPeople } from './asks.fixture.ts'
import type { Person } from './refresh-rig.fixture.ts'

/** App processes on a Cluster, and people who are signed in. */
export interface ClusterRig {
  readonly cluster: RedisCluster
  readonly apps: Apps
  readonly asker: Asker
  readonly people: readonly Person[]
}

/** Starts three nodes and two processes until the end of the test. @param storeOf the Cluster unless it says otherwise */
export async function startClusterRig(
  count: number,
  storeOf: (place: number, cluster: RedisCluster) => StoreAddress | undefined = () => undefined,
): Promise<ClusterRig> {
  const cluster = await startCluster({ keeps: 'append-only file' })
  onTestFinished(() => cluster.close())
  const apps = await appsOfTest({
    count: 2,
    store: (place) => storeOf(place, cluster) ?? { kind: 'cluster', nodes: cluster.addresses },
    server: { users: named(count), policy: { rotate: true, reuseKillsFamily: true } },
  })
  return { cluster, apps, asker: askerOfTest(), people: await signInPeople(apps, count, 1) }
}

/** A key in the slot of somebody's session. */
export function keyOf({ cookie }: Person): string {
  const [locator = ''] = cookie.split('=').at(-1)?.split('.') ?? []
  return `lk:{${locator}}:s`
}
