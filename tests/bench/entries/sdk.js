// The official SDK as an application imports it.
import WKSDK from "wukongimjssdk";

export default WKSDK;
