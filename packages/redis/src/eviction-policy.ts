import type { Logger } from '@latchkey/core'
import { isCluster, type RedisClient } from './own-client.ts'

/**
 * Warns when Redis may throw sessions and tokens away to make room. Asks by INFO, which also works where a provider of
 * Redis forbids CONFIG; where INFO is forbidden too, nothing can be said.
 */
export async function warnOfEviction(client: RedisClient, log: Logger): Promise<void> {
  try {
    const nodes = isCluster(client) ? client.nodes('master') : [client]
    const policies = await Promise.all(nodes.map(async (node) => policyIn(await node.info('memory'))))
    const evicting = policies.find((policy) => policy?.startsWith('allkeys-'))
    if (evicting === undefined) return
    const message =
      'Redis evicts any key when memory runs out: users lose sessions and tokens. Set noeviction.'
    log.warn({ event: 'redis.evicts', policy: evicting }, message)
  } catch {
    log.debug({ event: 'redis.eviction_unknown' }, 'Redis does not say what it evicts when memory runs out.')
  }
}

function policyIn(info: string): string | undefined {
  return /^maxmemory_policy:([a-z-]+)/m.exec(info)?.[1]
}
