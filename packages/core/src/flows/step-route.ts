import type { Session } from '../session/sessions.ts'
import { addressUnderBaseUrl, baseUrlOf, loginLink, ownOrigins } from './addresses.ts'
import { rawQuery } from './authorization-response.ts'
import { accountAt } from './consent.ts'
import type { FlowContext } from './context.ts'
import type { PlainRequest, Reply } from './http.ts'
import { requestedReturnTo, requireDocument } from './login.ts'
import { pageReply, primaryButton } from './page.ts'
import { redirect } from './replies.ts'
import { headerOf } from './request-headers.ts'
import { requireSameOrigin } from './same-origin.ts'
import type { SignInClient } from './sign-in-client.ts'
import { openStep, type Step, stepAddress } from './step.ts'
import { takeStep } from './take-step.ts'

/**
 * `GET` and `POST /login/:provider/link` and `/consent`: the page with the button, and what the button does.
 * @throws {LatchkeyError} `cross_site_request`; `state_mismatch`: the page is not this session's; `store_unavailable`,
 *   `as_unavailable`, `as_misconfigured`.
 */
export async function stepRoute(
  context: FlowContext,
  request: PlainRequest,
  client: SignInClient,
  purpose: Step['purpose'],
): Promise<Reply> {
  const { settings } = context
  if (request.method === 'GET') requireDocument(request)
  else requireSameOrigin(request, ownOrigins(settings), context.log)
  const elsewhere = addressUnderBaseUrl(request, settings)
  if (elsewhere !== undefined) return redirect(303, elsewhere)
  const session = await context.sessions.resume(headerOf(request, 'cookie'))
  if (session === undefined) return signInInstead(context, request, client)
  const step = requestedStep(context, request, session, client, purpose)
  if (request.method === 'POST') return takeStep(context, request, session, client, step)
  return stepPage(context, request, session, client, step)
}

/** What a step's page says when an error led there. */
export interface StepCause {
  readonly status: number
  readonly title?: string
  readonly text?: string
}

/** The page with a step's button. */
export function stepPage(
  context: FlowContext,
  request: PlainRequest,
  session: Session,
  client: SignInClient,
  step: Step,
  cause: StepCause = { status: 200 },
): Reply {
  const { name } = client.provider
  const action = stepAddress(context, session, step, baseUrlOf(request, context.settings))
  const [title, text] =
    step.purpose === 'link'
      ? [`Add your ${name} account`, `You stay signed in as you are; ${name} asks you once.`]
      : [
          `${name} has to ask you again`,
          `This page needs your ${name} account, which has to be allowed anew.`,
        ]
  const actions = primaryButton(action, `Continue to ${name}`)
  return pageReply({ status: cause.status, title: cause.title ?? title, text: cause.text ?? text, actions })
}

/** Without a ticket: what the path alone says. */
function requestedStep(
  context: FlowContext,
  request: PlainRequest,
  session: Session,
  client: SignInClient,
  purpose: Step['purpose'],
): Step {
  const { provider } = client
  const ticket = new URLSearchParams(rawQuery(request.url)).get('t')
  if (ticket !== null) return openStep(context, session, { purpose, provider: provider.id }, ticket)
  const returnTo = requestedReturnTo(context, request)
  const plain = { provider: provider.id, scope: [], prompt: undefined, params: undefined, returnTo }
  const account = accountAt(session, client)
  if (purpose === 'link' || account === undefined) return { purpose: 'link', ...plain }
  return { purpose: 'consent', subject: account.subject, ...plain }
}

function signInInstead(context: FlowContext, request: PlainRequest, { provider }: SignInClient): Reply {
  const { settings } = context
  const returnTo = requestedReturnTo(context, request)
  return redirect(
    303,
    loginLink(settings, baseUrlOf(request, settings), { providerId: provider.id, returnTo }),
  )
}
