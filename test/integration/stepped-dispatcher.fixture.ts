import type { Emulators } from '@latchkey/testing'
import type { Dispatcher } from 'undici'
import type { Schedule } from './schedule.fixture.ts'

/** A dispatcher whose requests are steps, and so are the answers of EXBO's authorization server. */
export function steppedDispatcher({ dispatcher }: Emulators, schedule: Schedule): Dispatcher {
  return dispatcher.compose((dispatch) => (options, handler) => {
    const path = String(options.path).split('?', 1)[0] ?? ''
    const what = `${options.method} ${path}`
    const { actor } = schedule
    const held = path.startsWith('/oauth/')
      ? holdAnswer(handler, () => schedule.step(`answer of ${what}`, actor))
      : handler
    void schedule.step(what).then(() => dispatch(options, held))
    return true
  })
}

function holdAnswer(
  handler: Dispatcher.DispatchHandler,
  step: () => Promise<void>,
): Dispatcher.DispatchHandler {
  return {
    onRequestStart: (...args) => handler.onRequestStart?.(...args),
    onResponseStart: (controller, ...args) => {
      controller.pause()
      void step().then(() => {
        handler.onResponseStart?.(controller, ...args)
        controller.resume()
      })
    },
    onResponseData: (...args) => handler.onResponseData?.(...args),
    onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
    onResponseError: (...args) => handler.onResponseError?.(...args),
  }
}
