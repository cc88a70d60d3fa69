import { Redis } from 'ioredis'

/** What Redis did for one request, on average. */
export interface RedisCost {
  /** Commands that the app sent; those inside of scripts are not among them. */
  readonly sent: number
  /** Times that Redis read from a connection: commands that come together are one. */
  readonly reads: number
  /** From `INFO commandstats`, those inside of scripts too. */
  readonly byCommand: Readonly<Record<string, number>>
}

const monitored = 50
const settleMs = 50

/** Counts while `send` is called so many times, one after the other. Nobody else may use this Redis meanwhile. */
export async function countCommands(
  url: string,
  count: number,
  send: () => Promise<void>,
): Promise<RedisCost> {
  const redis = new Redis(url)
  try {
    const before = await statistics(redis)
    for (let index = 0; index < count; index += 1) await send()
    await settled()
    const after = await statistics(redis)
    return {
      sent: await sentPerRequest(redis, send),
      reads: perRequest(after.reads - before.reads - ownReads, count),
      byCommand: Object.fromEntries(
        [...after.calls]
          .map(([name, calls]) => [name, perRequest(calls - (before.calls.get(name) ?? 0), count)] as const)
          .filter(([name, calls]) => calls > 0 && name !== 'info'),
      ),
    }
  } finally {
    redis.disconnect()
  }
}

/** Both looks read once; the first one's read is in its own answer already. */
const ownReads = 1

interface Statistics {
  readonly reads: number
  readonly calls: ReadonlyMap<string, number>
}

async function statistics(redis: Redis): Promise<Statistics> {
  const text = await redis.call('INFO', 'stats', 'commandstats')
  const lines = String(text).matchAll(
    /^(?:cmdstat_(?<name>[^:]+):calls=(?<calls>\d+)|total_reads_processed:(?<reads>\d+))/gm,
  )
  let reads = 0
  const calls = new Map<string, number>()
  for (const { groups = {} } of lines) {
    if (groups.reads !== undefined) reads = Number(groups.reads)
    if (groups.name !== undefined) calls.set(groups.name, Number(groups.calls))
  }
  return { reads, calls }
}

/** What MONITOR shows: it marks what a script called. */
async function sentPerRequest(redis: Redis, send: () => Promise<void>): Promise<number> {
  const monitor = await redis.monitor()
  let sent = 0
  monitor.on('monitor', (_time: string, _args: readonly string[], source: string) => {
    if (source !== 'lua') sent += 1
  })
  for (let index = 0; index < monitored; index += 1) await send()
  await settled()
  monitor.disconnect()
  return perRequest(sent, monitored)
}

/** What an app sends after its answer arrives meanwhile. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, settleMs))
}

function perRequest(total: number, count: number): number {
  return Number((total / count).toFixed(3))
}
