// A prepared transaction has no backend that a ban could end: whoever had locked rows of their own
// in one would hold up their ban for good. So it is refused.
#pragma once

namespace pg_principal {

// Called once when the library is loaded.
void refuse_prepared_transactions();

} // namespace pg_principal
