import { patient } from '../../packages/redis/src/store-options.fixture.ts'
import type { RedisServer } from '../redis-server.ts'
import { appsOfTest, redisOfTest } from './apps.fixture.ts'
import type { Apps, AppsSetup } from './apps.ts'
import { people } from './fleet.fixture.ts'

/** Processes of an app, and the Redis that they share. */
export interface RedisApps {
  readonly redis: RedisServer
  readonly apps: Apps
}

/**
 * Starts both until the end of the test, with people `user-1` to `user-20`. The authorization server rotates, kills the
 * family of a refresh token that is spent twice, and revokes by the token.
 */
export async function redisAppsOfTest(
  setup: Omit<AppsSetup, 'store' | 'storeOptions' | 'server' | 'provider'>,
): Promise<RedisApps> {
  const redis = await redisOfTest()
  const apps = await appsOfTest({
    store: { kind: 'single', port: redis.port },
    storeOptions: patient,
    server: { users: people(20), policy: { rotate: true, reuseKillsFamily: true } },
    provider: () => ({ revocation: 'token' }),
    ...setup,
  })
  return { redis, apps }
}
