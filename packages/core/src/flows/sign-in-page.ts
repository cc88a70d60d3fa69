import { addressUnderBaseUrl, baseUrlOf } from './addresses.ts'
import { buttons } from './buttons.ts'
import type { FlowContext } from './context.ts'
import type { PlainRequest, Reply } from './http.ts'
import { loginRoute, requestedReturnTo, requireDocument } from './login.ts'
import { pageReply } from './page.ts'
import { redirect } from './replies.ts'

/**
 * `GET /login`: a page with a button for each provider; with one provider straight on to it.
 * @throws {LatchkeyError} `cross_site_request`: the answer is not for a page. `as_unavailable`, `as_misconfigured`.
 */
export async function signInPage(context: FlowContext, request: PlainRequest): Promise<Reply> {
  const { settings } = context
  const [only, ...others] = settings.providers.listed
  if (only !== undefined && others.length === 0) return loginRoute(context, request, only)
  requireDocument(request)
  const elsewhere = addressUnderBaseUrl(request, settings)
  if (elsewhere !== undefined) return redirect(303, elsewhere)
  const actions = buttons(settings, baseUrlOf(request, settings), requestedReturnTo(context, request))
  return pageReply({ status: 200, title: 'Sign in', text: 'Choose how you want to sign in.', actions })
}
