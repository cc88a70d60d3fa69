import type { FlowsFixture } from './flows.fixture.ts'
import type { Flows } from './routes.ts'

/** When the store goes away, and for how long. */
export interface Outage {
  /** It begins with this command, counted from 0. */
  readonly from: number
  /** Whether that one is carried out, and only its answer is lost. */
  readonly isCarriedOut: boolean
  readonly seconds: number
}

/** How something went during which the store was away. */
export interface DuringOutage<Result> {
  /** Absent: it failed. */
  readonly result?: Result
  /** The command that the outage began with. */
  readonly command: string
}

/** Every way for the store to go away for so long while `run` is done; ends when `run` answers `undefined`. */
export async function forEachOutage<Result>(
  seconds: number,
  run: (outage: Outage) => Promise<Result | undefined>,
  look: (result: Result, outage: Outage) => Promise<void>,
): Promise<void> {
  for (const isCarriedOut of [true, false]) {
    for (let from = 0; ; from += 1) {
      const outage = { from, isCarriedOut, seconds }
      const result = await run(outage)
      if (result === undefined) break
      await look(result, outage)
    }
  }
}

/**
 * Does something while the store goes away, and then lets everything end that goes on in the background. `undefined`: it
 * asked the store for less.
 */
export async function duringOutage<Result>(
  fixture: FlowsFixture,
  flows: Flows,
  { from, isCarriedOut, seconds }: Outage,
  work: () => Promise<Result>,
): Promise<DuringOutage<Result> | undefined> {
  const { clock, watched } = fixture
  let count = 0
  let began: { readonly command: string; readonly endsAt: number } | undefined
  const begin = (command: string): never => {
    began = { command, endsAt: clock.now() + seconds }
    throw new Error('no connection')
  }
  watched.before = ({ name }) => {
    if (began !== undefined && clock.now() < began.endsAt) throw new Error('no connection')
    count += 1
    if (count - 1 === from && !isCarriedOut && began === undefined) begin(name)
  }
  watched.after = ({ name }) => {
    if (count - 1 === from && isCarriedOut && began === undefined) begin(name)
  }
  let ended: { readonly result?: Result } | undefined
  void work().then(
    (result) => {
      ended = { result }
    },
    () => {
      ended = {}
    },
  )
  await clock.advance(0)
  for (let passed = 0; ended === undefined; passed += 0.25) {
    if (passed > 90) throw new Error('It never ends.')
    await clock.advance(0.25)
  }
  for (let passed = 0; passed < 90; passed += 1) await clock.advance(1)
  await flows.close()
  watched.before = () => {}
  watched.after = () => undefined
  return began && { ...ended, command: began.command }
}
