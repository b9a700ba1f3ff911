// The composer with a script: what the forms do without one, only quicker. Nothing here knows a rule of its own:
// every act is the same POST, and what comes back is the page, of which the parts are put in place.

import { watchArrivals } from "./arrivals.js";
import { watchDrags } from "./dragging.js";
import { watchKept } from "./keeping.js";
import { watchKeys } from "./keys.js";
import { watchLengths } from "./lengths.js";
import { equip } from "./moving.js";
import { renew, showSaved, watchForms, watchViews } from "./parts.js";
import { watchTyping } from "./saving.js";

document.documentElement.classList.add("has-script");
equip();
watchForms();
watchViews();
watchTyping({ saved: showSaved });
watchLengths();
watchKept();
watchKeys();
watchDrags();
watchArrivals();
document.addEventListener("sending:stage", renew);
