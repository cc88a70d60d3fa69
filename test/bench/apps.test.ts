import { afterAll, beforeAll, describe, it } from 'vitest'
import { redisIsMissing } from '../redis-server.ts'
import { Bench } from './bench.ts'
import { benchUsers } from './bench-user.ts'
import { RunningContender } from './contender.ts'
import { readOptions } from './options.ts'
import { loadRows } from './rows.ts'

const userCount = 3

describe.skipIf(redisIsMissing)('an app of the benchmarks', () => {
  let bench: Bench
  beforeAll(async () => {
    bench = await Bench.start(readOptions([], { all: [], profiled: [] }))
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  const contenders = loadRows.flatMap((row) =>
    row.contenders.map((contender) => ({ row: row.name, contender })),
  )
  it.each(contenders)(
    'answers each user rightly, and nobody else: $row, $contender.name',
    async ({ contender }) => {
      const { app: name, env = {} } = contender
      // From source: what the packages were last built from may be older than the test.
      await using app = bench.startApp(name, { env, core: 'any', flags: ['--conditions=@latchkey/source'] })
      await RunningContender.start(contender, app, benchUsers(userCount))
    },
  )
})
